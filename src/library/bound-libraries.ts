/** What is known of the libraries on a client. */
interface Libraries {
  readonly bound: Set<string>;
  readonly warned: Set<string>;
  looks: number;
}

const ofClients = new WeakMap<object, Libraries>();

export function librariesOn(client: object): Libraries {
  const libraries = ofClients.get(client) ?? { bound: new Set(), warned: new Set(), looks: 0 };
  ofClients.set(client, libraries);
  return libraries;
}

/** A library has a bound handle on the client, with which programs also begin transactions by hand. */
export function noteBound(client: object, library: string): void {
  librariesOn(client).bound.add(library);
}
