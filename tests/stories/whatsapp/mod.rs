//! Messages that come and go over WhatsApp.

mod attempts;
mod connecting;
mod groups;
mod home;
mod kinds;
mod lessons;
mod media;
mod numbers;
mod past;
mod people;
mod phone_app;
mod plain;
mod rates;
mod reactions;
mod receive;
mod sending;
mod signals;
mod statuses;
mod stops;
mod templates;
mod told;
mod unknown;
mod waba;
mod windows;
