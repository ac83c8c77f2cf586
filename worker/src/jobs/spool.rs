//! A file on its way from one place to another: on disk without a name, so that a large one takes no memory and
//! nothing stays of it when the worker dies.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::Body;
use sha2::{Digest, Sha256};
use std::io::SeekFrom;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

/// Bytes of the beginning that are kept at hand; enough for every type that shows itself.
const HEAD: usize = 8192;

/// Why a file could not be set down whole.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError<E> {
    /// There is more than there may be.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// This machine's disk.
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
    /// Where it comes from.
    #[error("the source: {0}")]
    Source(E),
}

/// A whole file and what its bytes tell.
#[derive(Debug)]
pub struct Spooled {
    file: File,
    head: Vec<u8>,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl Spooled {
    /// Sets down everything that comes, unless it is more than `most` bytes.
    pub async fn of<E>(
        source: impl Stream<Item = Result<Bytes, E>>,
        most: u64,
    ) -> Result<Self, SpoolError<E>> {
        let nameless = tokio::task::spawn_blocking(tempfile::tempfile)
            .await
            .map_err(std::io::Error::other)?;
        let mut file = File::from_std(nameless?);
        let mut source = std::pin::pin!(source);
        let (mut size, mut hash, mut head) = (0_u64, Sha256::new(), Vec::new());
        while let Some(bytes) = source.next().await {
            let bytes = bytes.map_err(SpoolError::Source)?;
            size += bytes.len() as u64;
            if size > most {
                return Err(SpoolError::TooLarge(most));
            }
            let wanted = HEAD.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(&bytes[..wanted]);
            hash.update(&bytes);
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        Ok(Self {
            file,
            head,
            size,
            digest: hash.finalize().into(),
        })
    }

    /// The type that the first bytes show, if they show one.
    pub fn found_type(&self) -> Option<&'static str> {
        infer::get(&self.head).map(|kind| kind.mime_type())
    }

    /// Whether it is a picture that moves, as far as WebP says so.
    pub fn is_animated(&self) -> bool {
        // RIFF....WEBPVP8X, then a byte of flags.
        self.head.get(8..16) == Some(b"WEBPVP8X") && self.head.get(20).is_some_and(|f| f & 2 != 0)
    }

    /// The digest in hex.
    pub fn digest_in_hex(&self) -> String {
        self.digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The bytes from the beginning, to be sent on.
    pub async fn body(&self) -> std::io::Result<Body> {
        let mut file = self.file.try_clone().await?;
        file.seek(SeekFrom::Start(0)).await?;
        let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0; 64 * 1024];
            let length = file.read(&mut piece).await?;
            piece.truncate(length);
            Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(piece), file)))
        });
        Ok(Body::wrap_stream(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::convert::Infallible;

    fn pieces(pieces: &[&'static [u8]]) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::iter(
            pieces
                .iter()
                .map(|piece| Ok(Bytes::from_static(piece)))
                .collect::<Vec<_>>(),
        )
    }

    #[tokio::test]
    async fn a_file_is_set_down_whole_and_told_by_its_bytes() {
        let png: [&[u8]; 2] = [b"\x89PN", b"G\r\n\x1a\n and more"];
        let file = Spooled::of(pieces(&png), 100).await.unwrap();
        assert_eq!((file.size, file.found_type()), (17, Some("image/png")));
        let whole: [u8; 32] = Sha256::digest(png.concat()).into();
        assert_eq!(file.digest, whole);
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_set_down() {
        let refused = Spooled::of(pieces(&[b"12345", b"6"]), 5).await;
        assert!(matches!(refused, Err(SpoolError::TooLarge(5))));
        assert_eq!(Spooled::of(pieces(&[b"12345"]), 5).await.unwrap().size, 5);
    }
}
