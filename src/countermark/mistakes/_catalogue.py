"""The mistakes that are looked for: what happened, and what to change.

No text contains a key, a token, or the id of a principal, so that all may be logged.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_PAGE: Final = "docs/explain.md"


class Mistake(NamedTuple):
    """One mistake. It contains no key, token or id.

    Attributes:
        code: A stable name, for programs.
        happened: What happened, in one sentence.
        change: What to change, in one sentence.
        page: The page of the documentation.
    """

    code: str
    happened: str
    change: str
    page: str


_SECRET: Final = {
    "other_environment": (
        "It was signed with the secret of the environment {name}.",
        "Compare the variables of the two environments.",
    ),
    "previous_key": (
        "It was signed with the previous key.",
        "Deploy the current key on the signing side; a vendor may accept that one alone.",
    ),
    "next_key": (
        "It was signed with the next key.",
        "Make the next key the current one here, or sign with the current one until then.",
    ),
    "retired_key": (
        "It was signed with a key that has expired.",
        "Deploy the current key on the signing side, and reload pages with old tokens.",
    ),
    "secret_white_space": (
        "The signing side has {which} in its secret.",
        "Remove it: write files with printf '%s' and read variables without the line break.",
    ),
    "secret_quoted": (
        "The signing side {which} quotation marks around the secret.",
        "Use the secret without quotation marks on both sides.",
    ),
    "secret_bytes_repr": (
        "The signing side used the representation b'…' of the secret, not the secret.",
        "Replace str(secret) by secret.decode().",
    ),
    "secret_prefix_added": (
        "The signing side has the prefix {which} before the secret.",
        "Copy the secret again, exactly as the vendor shows it.",
    ),
    "secret_prefix_removed": (
        "The signing side left out the prefix of the secret.",
        "Copy the secret again, with its prefix.",
    ),
    "secret_prefix_decoded": (
        "The signing side decoded the prefix of the secret with the secret.",
        "Cut off the prefix before the rest is decoded.",
    ),
    "secret_decoded": (
        "The signing side decoded the secret from {which}; it is text.",
        "Use the secret itself as the key, without decoding it.",
    ),
    "secret_not_decoded": (
        "The signing side used the text of the secret as the key; it is encoded in {which}.",
        "Decode the secret, and use the bytes as the key.",
    ),
    "secret_encoded": (
        "The signing side used the secret encoded in {which}.",
        "Decode it once; values of Kubernetes secrets are base64.",
    ),
    "secret_case": (
        "The signing side has the secret in {which} case.",
        "Copy the secret again, and do not change its case.",
    ),
    "secret_url_encoded": (
        "The signing side has the secret {which}.",
        "Copy the secret itself, not from a URL.",
    ),
    "secret_cut_off": (
        "The signing side has the secret only up to the character {which}.",
        "Put the secret in single quotation marks in the .env file or the shell.",
    ),
    "secret_empty": (
        "The signing side signed with {which} instead of a secret, which anyone can do.",
        "Set the variable on the signing side, and refuse to start without it.",
    ),
    "secret_variable_name": (
        "The signing side signed with the name of the variable, not with its value.",
        "Check how the template or the shell inserts the variable.",
    ),
}

_VALUE: Final = {
    "other_value": (
        "The {signed} was signed; this scheme signs the {wanted}.",
        "Sign the {wanted}, or send the value that was signed.",
    ),
    "other_principal": (
        "The token is for another principal than the request names.",
        "Send the token of the same user, and clear it when the user changes.",
    ),
    "value_shown": (
        "The {name} in the token is not the one that was signed.",
        "Put exactly the signed text into the token.",
    ),
    "value_case": (
        "The {name} was signed in {which} case.",
        "Sign exactly the text that the front end sends.",
    ),
    "value_white_space": (
        "The {name} was signed with {which}.",
        "Strip the value where it is stored, and sign exactly what the front end sends.",
    ),
    "value_unicode_form": (
        "The {name} was signed in the Unicode form {which}.",
        "Normalise the value once, before it is signed and before it is sent.",
    ),
    "value_bytes_repr": (
        "The representation b'…' of the {name} was signed.",
        "Replace str(value) by value.decode().",
    ),
    "value_quoted": (
        "The {name} was signed in quotation marks, for instance as JSON.",
        "Sign the text itself, without json.dumps() or JSON.stringify().",
    ),
    "value_unquoted": (
        "The {name} was signed without its quotation marks.",
        "Remove them from the value that is sent too.",
    ),
    "value_uuid_form": (
        "The {name} is a UUID and was signed {which}.",
        "Convert UUIDs in one place: str(value) on both sides.",
    ),
    "value_number_form": (
        "The {name} is a number and was signed as {which}.",
        "Convert numbers in one place: str(int(value)) on both sides.",
    ),
    "value_url_encoded": (
        "The {name} was signed {which}.",
        "Sign the plain text; encode it only in the URL.",
    ),
    "value_encoded": (
        "The {name} was signed in {which}.",
        "Sign the same text that the front end sends.",
    ),
    "value_html_escaped": (
        "The {name} was signed with HTML escapes.",
        "Sign the value before the template escapes it.",
    ),
    "value_undefined": (
        "{which} was signed in place of the {name}.",
        "Check that the user is loaded before the token is made.",
    ),
    "value_refused": (
        "The {name} is one that countermark never signs or verifies.",
        "See the rules of the scheme: countermark schemes, and docs/verifying.md.",
    ),
    "value_order": (
        "The values were signed in the reverse order.",
        "Join the values in the order of the scheme.",
    ),
    "value_separator": (
        "The values were joined {which}.",
        "Join the values exactly as the scheme shows.",
    ),
    "message_charset": (
        "The message was encoded in {which}, not in UTF-8.",
        "Encode the text in UTF-8 before it is signed.",
    ),
    "message_white_space": (
        "The message was signed with {which}.",
        "Sign the message without it; echo and heredocs add a newline.",
    ),
    "payload_differs": (
        "The payload in the token is signed, and it is not that of the given principal.",
        "Compare the values of the principal with those in the payload.",
    ),
}

_CODE: Final = {
    "algorithm": (
        "The hash is {which}; this scheme uses {wanted}.",
        "Use HMAC with {wanted}.",
    ),
    "swapped": (
        "The key and the message are in each other's place.",
        "Swap the two arguments of the HMAC function.",
    ),
    "plain_hash": (
        "The code is a plain hash of {which}; this scheme uses {wanted}.",
        "Use the scheme's construction, such as hmac.new(key, message, hash).",
    ),
    "construction": (
        "The code is {which}; this scheme uses {wanted}.",
        "Use the scheme's construction.",
    ),
    "code_case": (
        "The code is in {which} case.",
        "Send the code in the case of the scheme.",
    ),
    "code_encoding": (
        "The code is encoded in {which}; this scheme uses {wanted}.",
        "Encode the code in {wanted}.",
    ),
    "code_alphabet": (
        "The code has the alphabet of {which}; this scheme uses {wanted}.",
        "Encode the code in {wanted}: the two differ in + and -, / and _, and the padding.",
    ),
    "code_padding": (
        "The code {which} the = at its end.",
        "Send the code exactly as the scheme encodes it.",
    ),
    "code_marked": (
        "The code begins with 0x.",
        "Send the hexadecimal digits alone.",
    ),
    "truncated": (
        "The token is cut off: its code has {which} of {wanted} characters.",
        "Look for a column, cookie or header with a limit, and for slices in code.",
    ),
}

_TOKEN: Final = {
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

_JWT: Final = {
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

_WEBHOOK: Final = {
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
        "The signature header has no {wanted} before the code.",
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
    "unknown_key": (
        "The key id of the signature is not one of the configured ones.",
        "Add the key id, or correct it.",
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

_SECTIONS: Final = {
    "the-secret": _SECRET,
    "the-signed-value": _VALUE,
    "the-code": _CODE,
    "the-token": _TOKEN,
    "json-web-tokens": _JWT,
    "webhooks": _WEBHOOK,
}

#: All codes, with the texts and the page of each.
MISTAKES: Final = {
    code: Mistake(code, happened, change, f"{_PAGE}#{section}")
    for section, entries in _SECTIONS.items()
    for code, (happened, change) in entries.items()
}


def mistake(code: str, **details: str) -> Mistake:
    """Return the mistake *code* with *details* in its texts."""
    blank = MISTAKES[code]
    return blank._replace(
        happened=blank.happened.format_map(details), change=blank.change.format_map(details)
    )
