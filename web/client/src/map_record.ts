// Columns in snake_case become properties in camelCase, as LC-01 has it. Only the record's own keys: what a jsonb column
// holds stays as it was written.

function snakeToCamel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** A record with its keys in camelCase. */
export function mapRecord<T>(record: Record<string, unknown>): T {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [snakeToCamel(name), value])) as T
}

/** Records with their keys in camelCase. */
export function mapRecords<T>(records: Record<string, unknown>[]): T[] {
  return records.map((record) => mapRecord<T>(record))
}
