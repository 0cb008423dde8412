"""What signing costs, measured side by side with what people would use instead.

``python -m benchmarks`` from the root of the repository; needs the dependency
group ``bench``.
"""
