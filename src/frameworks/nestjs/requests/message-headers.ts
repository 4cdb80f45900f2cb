/** As much of a message's context as is looked at; each transport of Nest has one of its own. */
interface MessageContext {
  /** NATS, and MQTT as user properties of the packet. */
  getHeaders?(): unknown;
  /** RabbitMQ and Kafka. */
  getMessage?(): {
    readonly headers?: unknown;
    readonly properties?: { readonly headers?: unknown };
    readonly fields?: unknown;
  };
  /** MQTT. */
  getPacket?(): { readonly properties?: { readonly userProperties?: unknown } };
  /** gRPC. */
  getMap?(): unknown;
}

/** The headers of a message, whatever the transport: none for one that has no headers, such as TCP and Redis. */
export function messageHeaders(context: unknown): Record<string, unknown> {
  if (typeof context !== 'object' || context === null) return {};
  const found = context as MessageContext;
  if (found.getMap !== undefined) return texts(found.getMap());
  if (found.getPacket !== undefined) return texts(found.getPacket()?.properties?.userProperties);
  if (found.getHeaders !== undefined) return texts(found.getHeaders());
  const message = found.getMessage?.();
  if (message === undefined) return {};
  // What RabbitMQ hands out again has a header that came before, so it is taken without one.
  const { redelivered } = (message.fields ?? {}) as { readonly redelivered?: unknown };
  return redelivered === true ? {} : texts(message.properties?.headers ?? message.headers);
}

/** As plain names and texts: those of NATS are a map with lists, those of Kafka are bytes. */
function texts(headers: unknown): Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null) return {};
  const map = headers as { get?(name: string): unknown; keys?(): Iterable<string> };
  const entries =
    map.get !== undefined && map.keys !== undefined
      ? [...map.keys()].map((name) => [name, map.get?.(name)] as const)
      : Object.entries(headers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString() : (value as unknown)]),
  );
}
