"""The mistakes in tokens and webhooks, as ``_signing_texts`` has those in what is signed."""

from typing import Final

TOKEN: Final = {
    "token_white_space": (
        "The token has white space at its beginning or end.",
        "Strip it where the token is read or written.",
    ),
    "token_line_breaks": (
        "The token has line breaks inside.",
        "Use an encoder that does not wrap lines, such as base64 -w0.",
    ),
    "token_quoted": (
        "The token is in quotation marks.",
        "Send the text itself, not its JSON or its representation.",
    ),
    "token_bytes_repr": (
        "The token is the representation b'…' of the token.",
        "Replace str(token) by token.decode().",
    ),
    "token_escaped": (
        "The token has {which} escapes.",
        "Parse the text before it is sent, or do not escape it.",
    ),
    "token_url_encoded": (
        "The token is percent-encoded {which}.",
        "Encode the token once, and only in a URL; in a header not at all.",
    ),
    "token_plus_lost": (
        "The token has spaces in the place of +.",
        "Encode + as %2B in a query or a form.",
    ),
    "token_encoded": (
        "The token is encoded a second time, in {which}.",
        "Send the token as it was made.",
    ),
    "token_doubled": (
        "The token is there twice.",
        "Look for a proxy and a front end that both set the header or the parameter.",
    ),
    "token_scheme_word": (
        "The token has the word {which} before it.",
        "Send the token alone, without an authentication scheme.",
    ),
    "token_header_name": (
        "The token has the name of a header before it.",
        "Send the value alone.",
    ),
    "frame_case": (
        "The fixed text of the token is in another case.",
        "Send the token as it was made, without changing its case.",
    ),
    "bare_code": (
        "Only the code was sent; tokens of this scheme are {wanted}.",
        "Send the whole token.",
    ),
    "framed_code": (
        "The code has text around it; tokens of this scheme are {wanted}.",
        "Send the token as the scheme shows it.",
    ),
    "other_scheme": (
        "The token is valid under the scheme {name} of the same vendor.",
        "Change the scheme on one side.",
    ),
    "old_scheme": (
        "The token is valid under {name}, an older scheme of the same vendor.",
        "Move the signing side to the current scheme, or verify the old one.",
    ),
    "secret_received": (
        "The token is or contains the secret itself.",
        "Replace the secret at the vendor: it has left the server. Then send a signature.",
    ),
    "wrong_credential": (
        "The token is of another kind: {which}.",
        "Send the token that the scheme makes.",
    ),
    "principal_missing": (
        "The token does not contain its principal, and none was given.",
        "Give the id that came with the token.",
    ),
    "expired": (
        "The token expired {ago} ago.",
        "Fetch a new token; if it is new, compare the clocks of the two machines.",
    ),
    "not_yet_valid": (
        "The token is valid only in {ago}.",
        "Synchronise the clock of the signing machine.",
    ),
    "wrong_length": (
        "The length of the code is {which}; codes of this scheme have {wanted} characters.",
        "Look for a limit that cuts the token, or for text that was joined to it.",
    ),
}

JWT: Final = {
    "jwt_algorithm": (
        "The algorithm is {which}; this scheme uses {wanted}.",
        "Sign with {wanted}.",
    ),
    "jwt_unsigned": (
        "The token has no signature: its header names the algorithm none.",
        "Sign the token with {wanted}.",
    ),
    "jwt_signature_hex": (
        "The signature is encoded in hexadecimal.",
        "Encode the bytes of the signature in base64url, without padding.",
    ),
    "jwt_signature_of_hex": (
        "The signature is the base64url of hexadecimal digits.",
        "Encode the bytes of the signature, not their hexadecimal digits.",
    ),
    "jwt_signature_der": (
        "The ECDSA signature is in DER.",
        "Encode it as R and S of 32 bytes each (RFC 7518, section 3.4).",
    ),
    "jwt_encoding": (
        "A part of the token is base64 with {which}, not base64url.",
        "Encode each part in base64url without padding (RFC 7515, section 2).",
    ),
    "jwt_milliseconds": (
        "The claim {name} is in milliseconds.",
        "Give seconds since 1970: Math.floor(Date.now() / 1000).",
    ),
    "jwt_time_type": (
        "The claim {name} is not a number.",
        "Give seconds since 1970, as a number.",
    ),
    "jwt_audience": (
        "The audience (aud) is another than this service's.",
        "Compare aud with the settings of the scheme.",
    ),
    "jwt_issuer": (
        "The issuer (iss) is another than this account's.",
        "Compare iss with the settings of the scheme.",
    ),
    "jwt_key_id": (
        "The key id (kid) is another than this account's.",
        "Compare kid with the settings of the scheme.",
    ),
    "jwt_constant": (
        "{name} has another value than the scheme's.",
        "Compare it with the scheme and its settings.",
    ),
    "jwt_missing": (
        "{name} is missing.",
        "Add it as the scheme shows.",
    ),
    "jwt_type": (
        "{name} has another type than text.",
        "Convert the value to text.",
    ),
}

WEBHOOK: Final = {
    "body_json": (
        "The body was parsed and written again: {which}.",
        "Verify the bytes of the request, before any parsing.",
    ),
    "body_white_space": (
        "The body differs by {which}.",
        "Verify the bytes of the request, before any middleware strips or adds them.",
    ),
    "body_charset": (
        "The body was decoded and encoded again: {which}.",
        "Verify the bytes of the request, not its text.",
    ),
    "body_gzip": (
        "The body that was checked is compressed with gzip; the signed one is not.",
        "Decompress the body before it is verified.",
    ),
    "body_line_ends": (
        "The line ends of the body were changed: {which}.",
        "Send and save the body in binary, as curl does with --data-binary.",
    ),
    "body_empty": (
        "The body that was signed is empty.",
        "Check that the body is not read before the signature is made or checked.",
    ),
    "signed_parts": (
        "The signed text is {which}; this scheme signs {wanted}.",
        "Sign {wanted}.",
    ),
    "path_changed": (
        "The signed path differs: {which}.",
        "Give the vendor the path that reaches the application, or undo the proxy's change.",
    ),
    "method_changed": (
        "The signed method is {which}.",
        "Look for a redirect or a proxy that changes the method.",
    ),
    "url_changed": (
        "The signed URL differs: {which}.",
        "Compare base_url= (--base-url) and the received path with the URL at the vendor.",
    ),
    "url_expected": (
        "The expected URL is {base} and then the received path and query.",
        "Compare it with the URL at the vendor: base_url= has the prefix that a proxy removes.",
    ),
    "parameters_changed": (
        "The parameters of the body were signed {which}.",
        "Sign the name and the value of each, decoded and sorted by name.",
    ),
    "time_unit": (
        "The timestamp is in milliseconds.",
        "Send seconds since 1970.",
    ),
    "delivery_expired": (
        "The delivery was signed {ago} ago, which is longer than the tolerance.",
        "Synchronise the clocks, and look for a queue or a replay between the two.",
    ),
    "delivery_not_yet_valid": (
        "The delivery is dated {ago} in the future.",
        "Synchronise the clocks of the two machines.",
    ),
    "header_prefix": (
        "The signature header has no {wanted} before the code or the time.",
        "Send the header as the scheme shows.",
    ),
    "other_header": (
        "The delivery has the header {which} and not {wanted}.",
        "Choose the scheme that the sender uses, or have it send {wanted}.",
    ),
    "header_missing": (
        "A header that this scheme needs is missing.",
        "Compare the headers with the scheme, and look for a proxy that drops one.",
    ),
    "header_ambiguous": (
        "A header is there twice, or spelled with underscores.",
        "Look for a proxy that adds a header or joins two.",
    ),
    "verification_request": (
        "The request verifies the URL; it is not a delivery.",
        "The middleware answers it.",
    ),
    "verify_token": (
        "The verify token in the request is not the configured one.",
        "Set {variable} to the token that you entered at the vendor.",
    ),
    "verify_token_missing": (
        "The vendor verifies the URL with a verify token, and none is configured.",
        "Set {variable} to the token that you entered at the vendor.",
    ),
    "parameter_ambiguous": (
        "A parameter or the header of a verification request is there twice.",
        "Look for a proxy that adds parameters, or for one in the URL that the vendor has.",
    ),
    "challenge_malformed": (
        "The challenge is empty, too long, or has characters that challenges do not have.",
        "Compare the request with the vendor's documentation.",
    ),
    "unknown_key": (
        "The key id of the signature is not one of the configured ones.",
        "Add the key id, or correct it.",
    ),
    "other_version": (
        "No signature in the header begins with {wanted}.",
        "Choose the scheme of the version that the sender uses, or have it send {wanted}.",
    ),
    "signature_not_der": (
        "The ECDSA signature is r and s alone; this scheme uses DER.",
        "Encode the two numbers in DER: Web Crypto and JSON Web Signatures leave that out.",
    ),
    "other_public_key": (
        "The signature has the right form, and this public key does not verify it.",
        "Compare the public key: each application, endpoint and environment may have its own.",
    ),
    "body_form": (
        "The body that was signed is {which}.",
        "Verify the body before it is decoded, and set the content type at the vendor.",
    ),
    "body_quoted": (
        "The body was signed as {which}.",
        "Sign the bytes of the body.",
    ),
}
