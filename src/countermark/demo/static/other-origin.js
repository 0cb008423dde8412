// Runs in a frame with an origin of its own, so CORS applies.
const { header } = document.querySelector("main").dataset;
for (const name of ["hidden", "exposed"]) {
  const cell = document.getElementById(name);
  fetch(`./${name}/`, { cache: "no-store" }).then(
    ({ headers }) => (cell.textContent = headers.get(header) ?? "The script sees no header."),
    () => (cell.textContent = "The request failed."),
  );
}
