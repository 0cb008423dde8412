"""The mistakes in what is signed, and with which key: what happened, and what to change.

Words in braces are filled in. No text contains a key, a token, or the id of a principal.
"""

from typing import Final

SECRET: Final = {
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

VALUE: Final = {
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

CODE: Final = {
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
