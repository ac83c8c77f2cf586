//! The table of Meta's error codes: what each means, in our words.
//!
//! Classes after Meta's list of error codes and what users of the API report; where Meta's text and
//! the field disagree (131000 is refused for no reason and goes through a second later), the field.

use super::errors::{ErrorClass, KnownError};

/// Writes the table as a match, one row an error: codes, class, title, advice.
macro_rules! table {
    ($( $codes:pat => $class:ident, $title:literal, $advice:literal; )+) => {
        pub(super) fn known(code: i64) -> Option<&'static KnownError> {
            Some(match code {
                $( $codes => &KnownError {
                    class: ErrorClass::$class, title: $title, advice: $advice,
                }, )+
                _ => return None,
            })
        }
    };
}

table! {
    0 | 102 | 104 | 190 => Token, "WhatsApp does not accept the access token",
        "Put a new token in place. Messages wait and go out by themselves afterwards.";
    3 | 10 | 200..=299 | 131005 => Token, "The access token lacks a permission",
        "Give the system user the permissions for messaging and for this WhatsApp account.";
    33 => Stop, "WhatsApp does not know this number for this token",
        "Check the phone number id, and that the token's user may use its account.";
    368 | 131031 => Stop, "WhatsApp has locked the business account",
        "Open the account's quality page at Meta; it says why and how to appeal.";
    131037 => Stop, "The number's display name is not approved",
        "Have the display name approved in WhatsApp Manager.";
    131042 => Stop, "WhatsApp cannot charge for messages",
        "Check the payment method of the WhatsApp account.";
    131045 | 133006 | 133010 => Stop, "The number is not registered",
        "Register the number for the Cloud API with its two-step PIN.";
    133000 | 133005 | 133008 | 133009 | 133015 | 133016 => Stop, "The number's registration is not finished",
        "Finish the registration; after wrong PINs or removals Meta asks to wait a while.";
    134011 => Stop, "Meta's payment terms are not accepted",
        "An administrator accepts the terms in WhatsApp Manager.";

    131047 => WindowClosed, "More than 24 hours since the person last wrote",
        "Send a template; once the person answers, free text works again.";

    4 | 17 | 80007 => AppLimit, "Too many calls to WhatsApp this hour",
        "It is tried again by itself. If it stays, spread the work over time.";
    130429 => NumberLimit, "The number sends faster than it may",
        "It is tried again by itself, more slowly.";
    131056 => PairLimit, "Too many messages to this person in a short time",
        "It is tried again by itself. Fewer, longer messages avoid it.";
    131016 | 133004 => Temporary, "WhatsApp is not available for the moment",
        "It is tried again by itself.";
    131057 | 2494100 => Maintenance, "The number is under maintenance for a minute",
        "It is tried again by itself.";
    131000 => RetryFew, "WhatsApp could not send the message and does not say why",
        "It is tried a few times by itself; after that, send it again.";
    1 | 2 => Unclear, "WhatsApp had an internal error",
        "The message may have arrived. Wait for its ticks before sending it again.";

    100 => Fail, "WhatsApp does not accept a value of the message",
        "The details name the value. If the text looks right, report it to whoever runs this.";
    130403 => Fail, "The person is on the business's block list",
        "Unblock the person first.";
    130472 => Fail, "Meta holds back marketing from this person",
        "Do not send it again; wait for the person to write.";
    130497 => Fail, "The business may not write to people in this country",
        "Reach the person another way.";
    130501 => Fail, "Groups do not take this kind of message",
        "Send it to each person.";
    131008 | 131009 | 135000 => Fail, "A part of the message is missing or wrong",
        "The details name the part.";
    131021 => Fail, "The number cannot write to itself",
        "Choose another recipient.";
    131026 => Fail, "WhatsApp cannot deliver to this person",
        "They may not use WhatsApp, use an old version or have blocked the business. Reach them another way.";
    131030 => Fail, "The recipient is not on the test number's list",
        "Add the phone to the list of allowed recipients, or use a real number.";
    131048 => Fail, "Too many people marked the number's messages as spam",
        "Stop campaigns until the number's quality is better; answer only those who write.";
    131049 => Fail, "Meta limits how much marketing this person gets",
        "Not before 24 hours; better wait for the person to write.";
    131050 => Fail, "The person has stopped marketing messages",
        "Send them no more marketing.";
    131051 => Fail, "WhatsApp does not support this kind of message",
        "Ask the person to send it in another form.";
    131052 => Fail, "The person's file could not be fetched",
        "It may be larger than 100 MB. Ask for a smaller one.";
    131053 => Fail, "WhatsApp could not use the file",
        "The details say whether its type, size or address is at fault.";
    131060 => Fail, "This message can only be read on the business's phone",
        "Open the chat on the phone.";
    131062 => Fail, "This message needs a phone number, and the person shows none",
        "Ask the person for their number.";
    131063 => Fail, "Marketing is switched off for this account here",
        "Send marketing through Meta's marketing API, or have it switched on.";
    131064 => Fail, "Templates of a wrong category used up the limit",
        "Stop templates until Meta lifts the limit; check their categories.";
    132000 => Fail, "The template got too few or too many values",
        "Read the template again from WhatsApp and fill in every placeholder.";
    132001 => Fail, "The template does not exist in this language or is not approved",
        "Read the templates again from WhatsApp and choose one that is approved.";
    132005 | 132007 | 132008 => Fail, "The template's text became too long or breaks a rule",
        "Shorten the values; the details name the place.";
    132012 => Fail, "A value of the template has the wrong form",
        "Compare it with the placeholder's sample.";
    132015 | 132016 => Fail, "The template is paused or switched off for low quality",
        "Choose another template or improve this one.";
    132068 | 132069 => Fail, "The form (flow) is blocked or slowed down",
        "Repair the flow in WhatsApp Manager.";
    137000 => Fail, "The person's identity has changed since it was last confirmed",
        "Confirm who they are, then send it again.";
    139100..=139103 => Fail, "The block list could not be changed",
        "The details say why; only people who wrote in the last 24 hours can be blocked.";
}
