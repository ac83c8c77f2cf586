//! People who write, from their own side: sessions, identities, forms.

mod sessions;
