//! Message ids that look like Meta's: `wamid.` and base64 of a small record that
//! holds the other party's digits and a random key. They are opaque to everyone;
//! the shape only makes sure that nobody expects a UUID or a short column.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use rand::rngs::StdRng;

/// The id of a message that the business sends to `phone`.
pub(super) fn outgoing(rng: &mut StdRng, phone: &str) -> String {
    encode(
        &[0x1c, 0x18],
        phone,
        &[0x15, 0x02, 0x00, 0x11, 0x18],
        &key(rng, 9),
    )
}

/// The id of a message that `phone` wrote.
pub(super) fn incoming(rng: &mut StdRng, phone: &str) -> String {
    encode(
        &[0x1d, 0x06, 0x18],
        phone,
        &[0x15, 0x02, 0x00, 0x12, 0x18],
        &key(rng, 10),
    )
}

/// `bytes` random bytes as upper-case hex.
fn key(rng: &mut StdRng, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rng.fill_bytes(&mut random);
    random.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn encode(head: &[u8], phone: &str, middle: &[u8], key: &str) -> String {
    let phone = &phone.as_bytes()[..phone.len().min(usize::from(u8::MAX))];
    let mut record = Vec::with_capacity(48);
    record.extend_from_slice(head);
    record.push(phone.len() as u8);
    record.extend_from_slice(phone);
    record.extend_from_slice(middle);
    record.push(key.len() as u8);
    record.extend_from_slice(key.as_bytes());
    record.push(0);
    format!("wamid.{}", STANDARD.encode(record))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn ids_have_metas_shape_and_follow_from_the_seed() {
        let mut rng = StdRng::seed_from_u64(7);
        let out = outgoing(&mut rng, "16467043595");
        let into = incoming(&mut rng, "15550100001");
        assert!(out.starts_with("wamid.HBgLMTY0NjcwNDM1OTUVAgARGB"), "{out}");
        assert!(
            into.starts_with("wamid.HQYYCzE1NTUwMTAwMDAxFQIAEhgU"),
            "{into}"
        );
        assert_eq!(out, outgoing(&mut StdRng::seed_from_u64(7), "16467043595"));
    }
}
