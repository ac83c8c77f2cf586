//! Meta's error reference, as far as sending can meet it.

/// HTTP status, title and details for `code`; a code that is not listed is a plain 400.
pub(super) fn entry(code: u32) -> (u16, &'static str, &'static str) {
    let listed = ENTRIES.iter().find(|entry| entry.0 == code);
    listed.map_or((400, "Error", ""), |(_, http, title, details)| {
        (*http, title, details)
    })
}

/// One line of Meta's error reference: code, HTTP status, title, details.
type Entry = (u32, u16, &'static str, &'static str);

const ENTRIES: &[Entry] = &[
    (4, 400, "Application request limit reached", ""),
    (
        10,
        403,
        "Application does not have permission for this action",
        "",
    ),
    (
        200,
        403,
        "You do not have the necessary permissions required to send messages on behalf of this \
         WhatsApp Business Account",
        "",
    ),
    (368, 403, "Temporarily blocked for policies violations", ""),
    (
        80007,
        400,
        "Rate limit issues",
        "The WhatsApp Business Account has reached its rate limit.",
    ),
    (
        130403,
        400,
        "User has blocked this business",
        "The recipient does not accept messages.",
    ),
    (
        130429,
        400,
        "Rate limit hit",
        "Cloud API message throughput has been reached.",
    ),
    (
        130472,
        400,
        "User's number is part of an experiment",
        "The message was not sent.",
    ),
    (
        131000,
        500,
        "Something went wrong",
        "Message failed to send due to an unknown error.",
    ),
    (
        131005,
        403,
        "Access denied",
        "Permission is either not granted or has been removed.",
    ),
    (
        131008,
        400,
        "Required parameter is missing",
        "A required parameter is missing.",
    ),
    (
        131009,
        400,
        "Parameter value is not valid",
        "One or more parameter values are invalid.",
    ),
    (
        131016,
        500,
        "Service unavailable",
        "A service is temporarily unavailable.",
    ),
    (
        131021,
        400,
        "Recipient cannot be sender",
        "Sender and recipient phone number is the same.",
    ),
    (
        131026,
        400,
        "Message undeliverable",
        "Message Undeliverable.",
    ),
    (
        131030,
        400,
        "Recipient phone number not in allowed list",
        "Recipient phone number not in allowed list: Add recipient phone number to recipient \
         list and try again.",
    ),
    (
        131031,
        403,
        "Account has been locked",
        "Business account has been locked.",
    ),
    (
        131042,
        400,
        "Business eligibility payment issue",
        "There was an error with the payment method.",
    ),
    (
        131047,
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last \
         replied to this number.",
    ),
    (
        131048,
        400,
        "Spam rate limit hit",
        "Message failed to send because there are restrictions on how many messages can be sent \
         from this phone number.",
    ),
    (
        131049,
        400,
        "Meta chose not to deliver",
        "Kept back for the health of the ecosystem.",
    ),
    (
        131050,
        400,
        "User has stopped marketing messages",
        "The recipient opted out.",
    ),
    (
        131051,
        400,
        "Unsupported message type",
        "Message type is not currently supported.",
    ),
    (
        131053,
        400,
        "Media upload error",
        "The media could not be fetched or has a wrong type.",
    ),
    (
        131056,
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number \
         to the same phone number in a short period of time.",
    ),
    (
        131057,
        500,
        "Account in maintenance mode",
        "Business Account is in maintenance mode",
    ),
    (
        131062,
        400,
        "BSUID recipient not supported",
        "Business-scoped User ID (BSUID) recipients are not supported for this message.",
    ),
    (
        132000,
        400,
        "Number of parameters does not match the expected number of params",
        "The number of variable parameter values differs from the template's.",
    ),
    (
        132001,
        404,
        "Template name does not exist in the translation",
        "The template does not exist in the language or is not approved.",
    ),
    (
        132012,
        400,
        "Parameter format does not match format in the created template",
        "The parameters are formatted otherwise than in the template.",
    ),
    (
        132015,
        400,
        "Template is Paused",
        "Template is paused due to low quality so it cannot be sent in a template message.",
    ),
    (
        133010,
        400,
        "The account is not registered",
        "Phone number not registered on the WhatsApp Business Platform.",
    ),
    (
        135000,
        400,
        "Generic user error",
        "Message failed to send because of an unknown error with your request parameters.",
    ),
    (
        137000,
        400,
        "Identity key hash mismatch",
        "The recipient's identity changed.",
    ),
];
