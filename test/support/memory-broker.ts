import {
  type BrokerMessage,
  type DeliveredMessage,
  type MessageBroker,
  publishInOrder,
  type SubscribeOptions,
} from '../../src/outbox/index.ts';

interface Entry {
  readonly message: BrokerMessage;
  state: 'waiting' | 'delivered' | 'settled';
  wasDelivered: boolean;
}

/** A subscription that is open; of those of a group the first one gets the messages. */
interface Open {
  readonly options: SubscribeOptions;
  isPaused: boolean;
}

class Group {
  readonly entries: Entry[];
  readonly opens: Open[] = [];

  constructor(entries: readonly BrokerMessage[]) {
    this.entries = entries.map((message) => ({ message, state: 'waiting', wasDelivered: false }));
  }

  deliver(): void {
    const [active] = this.opens;
    if (active === undefined || active.isPaused) return;
    for (const entry of this.entries) {
      const open = this.entries.filter(({ state }) => state === 'delivered').length;
      if (open >= active.options.prefetch) return;
      if (entry.state === 'waiting') this.#give(entry, active);
    }
  }

  close(open: Open): void {
    const wasActive = this.opens[0] === open;
    if (this.opens.includes(open)) this.opens.splice(this.opens.indexOf(open), 1);
    if (wasActive) for (const entry of this.entries) if (entry.state === 'delivered') entry.state = 'waiting';
    setImmediate(() => this.deliver());
  }

  #give(entry: Entry, active: Open): void {
    const { message, wasDelivered: redelivered } = entry;
    entry.state = 'delivered';
    entry.wasDelivered = true;
    const isCurrent = (): boolean => this.opens[0] === active;
    const settle = (): void => {
      if (!isCurrent() || entry.state !== 'delivered') return;
      entry.state = 'settled';
      setImmediate(() => this.deliver());
    };
    const delivered: DeliveredMessage = { ...message, redelivered, isCurrent, ack: settle, deadLetter: settle };
    setImmediate(() => active.options.onMessage(delivered));
  }
}

/** A broker of this process, for tests. @returns opens it once more */
export function memoryBroker(): () => MessageBroker {
  const published: BrokerMessage[] = [];
  const groups = new Map<string, Group>();
  return () => {
    const closers = new Set<() => void>();
    let isClosed = false;
    return {
      name: 'memory',
      publish: (messages) =>
        publishInOrder(messages, (message) => {
          if (isClosed) return Promise.resolve({ status: 'unavailable', error: new Error('closed') });
          published.push(message);
          for (const [name, group] of groups) {
            if (!name.startsWith(`${message.topic}/`)) continue;
            group.entries.push({ message, state: 'waiting', wasDelivered: false });
            group.deliver();
          }
          return Promise.resolve({ status: 'accepted' });
        }),
      subscribe(options) {
        const name = `${options.topic}/${options.group}`;
        const group = groups.get(name) ?? new Group(published.filter(({ topic }) => topic === options.topic));
        groups.set(name, group);
        const open: Open = { options, isPaused: false };
        group.opens.push(open);
        const close = (): void => group.close(open);
        closers.add(close);
        group.deliver();
        return {
          ready: Promise.resolve(),
          pause() {
            open.isPaused = true;
            return Promise.resolve();
          },
          close() {
            close();
            return Promise.resolve();
          },
        };
      },
      close() {
        isClosed = true;
        for (const close of closers) close();
        return Promise.resolve();
      },
    };
  };
}
