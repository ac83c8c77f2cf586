//! Messages that come and go over WhatsApp.

mod attempts;
mod home;
mod numbers;
mod people;
mod plain;
mod reactions;
mod receive;
mod sending;
mod statuses;
mod unknown;
