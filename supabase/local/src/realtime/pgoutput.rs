//! Rows of `realtime.messages` out of PostgreSQL's logical replication stream (pgoutput,
//! protocol 1, values as text): Relation and Insert are read, everything else is passed over.

use std::collections::HashMap;

use bytes::{Buf as _, Bytes};

/// An inserted row. Columns are found by name: partitions may have them in another order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    values: HashMap<String, Bytes>,
}

impl Row {
    /// A column as text; nothing for NULL.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        std::str::from_utf8(self.values.get(column)?).ok()
    }

    /// A column of type bytea; nothing for NULL.
    pub(super) fn bytes(&self, column: &str) -> Option<Bytes> {
        let hex = self.text(column)?.strip_prefix("\\x")?;
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>()
            .map(Bytes::from)
    }
}

/// Reads the stream; it remembers the relations that were told before their rows.
#[derive(Debug, Default)]
pub(super) struct Reader {
    columns: HashMap<u32, Vec<String>>,
}

impl Reader {
    /// Takes one message; gives the row when one was inserted. What cannot be read is nothing.
    pub(super) fn message(&mut self, mut data: Bytes) -> Option<Row> {
        match data.try_get_u8().ok()? {
            b'R' => {
                let (relation, columns) = relation(&mut data)?;
                self.columns.insert(relation, columns);
                None
            }
            b'I' => {
                let columns = self.columns.get(&data.try_get_u32().ok()?)?;
                // 'N': the new row follows.
                data.try_get_u8().ok()?;
                let count = usize::from(data.try_get_u16().ok()?);
                let mut row = Row::default();
                for column in columns.iter().take(count) {
                    // n: NULL; u: an unchanged value that was not sent; t: text.
                    if data.try_get_u8().ok()? == b't' {
                        let length = usize::try_from(data.try_get_u32().ok()?).ok()?;
                        if data.len() < length {
                            return None;
                        }
                        row.values.insert(column.clone(), data.split_to(length));
                    }
                }
                Some(row)
            }
            _ => None,
        }
    }
}

/// A relation's id and the names of its columns.
fn relation(data: &mut Bytes) -> Option<(u32, Vec<String>)> {
    let id = data.try_get_u32().ok()?;
    let _schema = name(data)?;
    let _name = name(data)?;
    let _replica_identity = data.try_get_u8().ok()?;
    let count = data.try_get_u16().ok()?;
    let columns = (0..count).map(|_| {
        let _flags = data.try_get_u8().ok()?;
        let column = name(data)?;
        let _type = data.try_get_u32().ok()?;
        let _modifier = data.try_get_u32().ok()?;
        Some(column)
    });
    Some((id, columns.collect::<Option<_>>()?))
}

/// A text that ends with a zero.
fn name(data: &mut Bytes) -> Option<String> {
    let end = data.iter().position(|&byte| byte == 0)?;
    let text = data.split_to(end);
    data.advance(1);
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation_of(columns: &[&str]) -> Bytes {
        let mut message = b"R\0\0\0\x07realtime\0messages_2026_01_01\0d".to_vec();
        message.extend(u16::try_from(columns.len()).unwrap().to_be_bytes());
        for column in columns {
            message.push(0);
            message.extend(column.as_bytes());
            message.extend([0; 9]);
        }
        message.into()
    }

    fn insert(values: &[Option<&str>]) -> Bytes {
        let mut message = b"I\0\0\0\x07N".to_vec();
        message.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            match value {
                None => message.push(b'n'),
                Some(value) => {
                    message.push(b't');
                    message.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                    message.extend(value.as_bytes());
                }
            }
        }
        message.into()
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_relation() {
        let mut reader = Reader::default();
        let row = insert(&[Some("x"), None, Some("\\x00ff")]);
        assert_eq!(reader.message(row.clone()), None, "no relation was told");
        let columns = ["topic", "payload", "binary_payload"];
        assert_eq!(reader.message(relation_of(&columns)), None);
        let read = reader.message(row).unwrap();
        assert_eq!(read.text("topic"), Some("x"));
        assert_eq!(read.text("payload"), None);
        assert_eq!(read.bytes("binary_payload").as_deref(), Some(&[0, 255][..]));
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let relation = relation_of(&["topic"]);
        let row = insert(&[Some("x")]);
        for end in 0..row.len() {
            let mut reader = Reader::default();
            reader.message(relation.clone());
            assert_eq!(reader.message(row.slice(..end)), None, "{end} bytes");
        }
        let mut reader = Reader::default();
        reader.message(relation.slice(..relation.len() - 1));
        assert_eq!(reader.message(row), None);
    }
}
