// What the local stack tells the pages.

/** The project, and the site that the pages are of. */
export interface DemoSettings {
  url: string
  anonKey: string
  siteId: string
}

/** Asks the origin that the page came from. */
export async function demoSettings(): Promise<DemoSettings> {
  const { anonKey, siteId } = (await (await fetch('/demo/settings.json')).json()) as Omit<DemoSettings, 'url'>
  return { url: location.origin, anonKey, siteId }
}
