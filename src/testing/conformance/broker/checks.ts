import type { PublishOutcome } from '../../../outbox/index.ts';
import type { BrokerBench } from './bench.ts';
import { expectEqual, expectThat, pause, until } from '../expect.ts';
import type { CheckOf } from '../suite.ts';

const statuses = (outcomes: readonly PublishOutcome[]): readonly string[] => outcomes.map(({ status }) => status);
const names = (count: number, word = 'message'): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${word} ${at}`);

/** How long it is watched that nothing more comes, in milliseconds. */
const silence = 150;

export const brokerChecks: readonly CheckOf<BrokerBench>[] = [
  {
    name: 'delivers a message with its id, topic, key, headers and body',
    async run(bench) {
      const broker = bench.open();
      const reader = await bench.read(broker);
      const sent = bench.message('zwölf "Stück" ✓', {
        id: 'id ü/1',
        key: 'key ü.*>',
        headers: { 'my-header': 'a, b;c' },
      });
      expectEqual('what publish says', statuses(await broker.publish([sent])), ['accepted']);
      await until(() => reader.messages.length > 0);
      const [got] = reader.messages;
      expectEqual('"id"', got?.id, sent.id);
      expectEqual('"topic"', got?.topic, sent.topic);
      expectEqual('"key"', got?.key, sent.key);
      expectEqual('the header', got?.headers['my-header'], 'a, b;c');
      expectEqual('the bytes of the body', Buffer.from(got?.body ?? []), Buffer.from(sent.body));
      expectEqual('"redelivered"', got?.redelivered, false);
    },
  },
  {
    name: 'says of each message of a batch whether it was accepted, in their order',
    async run(bench) {
      const broker = bench.open();
      await bench.read(broker);
      expectEqual('what publish says of none', await broker.publish([]), []);
      const batch = names(50).map((name, at) => bench.message(name, { key: at % 2 === 0 ? undefined : `k${at % 5}` }));
      expectEqual('what publish says', statuses(await broker.publish(batch)), Array(50).fill('accepted'));
    },
  },
  {
    name: 'delivers a message of a key after those before it',
    async run(bench) {
      const broker = bench.open();
      const reader = await bench.read(broker);
      const sent = names(60);
      await broker.publish(sent.slice(0, 30).map((name) => bench.message(name)));
      await broker.publish(sent.slice(30).map((name) => bench.message(name)));
      await until(() => reader.messages.length >= 60);
      expectEqual('the order', reader.bodies(), sent);
    },
  },
  {
    name: 'gives each group each message once',
    async run(bench) {
      const [one, other] = [bench.open(), bench.open()];
      const [stock, mail] = [await bench.read(one), await bench.read(other, { group: 'mail' })];
      const sent = names(10);
      await one.publish(sent.map((name) => bench.message(name)));
      await until(() => stock.messages.length >= 10 && mail.messages.length >= 10);
      await pause(silence);
      expectEqual('what the one got', stock.bodies(), sent);
      expectEqual('what the other got', mail.bodies(), sent);
    },
  },
  {
    name: 'keeps messages for a group whose processes are away',
    async run(bench) {
      const [first, publisher, second] = [bench.open(), bench.open(), bench.open()];
      await bench.read(first);
      await first.close();
      await publisher.publish([bench.message('while away')]);
      const reader = await bench.read(second);
      await until(() => reader.messages.length > 0);
      expectEqual('what came', reader.bodies(), ['while away']);
    },
  },
  {
    name: 'delivers to one process of a group at a time',
    async run(bench) {
      const [one, other] = [bench.open(), bench.open()];
      const readers = [await bench.read(one), await bench.read(other)];
      const sent = names(40);
      await one.publish(sent.map((name) => bench.message(name)));
      await until(() => readers.some(({ messages }) => messages.length > 0));
      await until(() => readers.reduce((sum, { messages }) => sum + messages.length, 0) >= 40);
      await pause(silence);
      const got = readers.map(({ messages }) => messages.length).toSorted((a, b) => b - a);
      expectEqual('how many each of the processes got', got, [40, 0]);
    },
  },
  {
    name: 'begins with the first message that is not settled when another process takes over',
    async run(bench) {
      const [one, other] = [bench.open(), bench.open()];
      const before = await bench.read(one, { acks: false, prefetch: 5 });
      const sent = names(12);
      await other.publish(sent.map((name) => bench.message(name)));
      await until(() => before.messages.length === 5);
      before.messages[0]?.ack();
      await until(() => before.messages.length === 6);
      const after = await bench.read(other);
      await before.subscription.close();
      await until(() => after.messages.length >= 11);
      await pause(silence);
      expectEqual('what the next process got', after.bodies(), sent.slice(1));
      expectEqual('"redelivered" of the first', after.messages[0]?.redelivered, true);
      expectEqual('"isCurrent()" of what the first process had', before.messages[1]?.isCurrent(), false);
      // Late words change nothing, and throw nothing.
      before.messages[1]?.ack();
    },
  },
  {
    name: 'does not deliver again what was acknowledged or given up',
    async run(bench) {
      const [one, other] = [bench.open(), bench.open()];
      const before = await bench.read(one, { acks: false });
      await one.publish(names(3).map((name) => bench.message(name)));
      await until(() => before.messages.length === 3);
      before.messages[0]?.ack();
      before.messages[1]?.deadLetter('malformed');
      await before.subscription.close();
      const after = await bench.read(other);
      await until(() => after.messages.length > 0);
      await pause(silence);
      expectEqual('what came again', after.bodies(), ['message 2']);
    },
  },
  {
    name: 'delivers no more than "prefetch" messages that are not settled',
    async run(bench) {
      const broker = bench.open();
      const reader = await bench.read(broker, { acks: false, prefetch: 3 });
      await broker.publish(names(20).map((name, at) => bench.message(name, { key: `key ${at}` })));
      for (let settled = 0; settled < 20; settled += 1) {
        await until(() => reader.messages.length >= Math.min(20, settled + 3));
        if (settled % 7 === 0) await pause(silence / 3);
        expectThat('no more are delivered than may be', reader.messages.length <= settled + 3);
        reader.messages[settled]?.ack();
      }
      expectEqual('how many came', reader.messages.length, 20);
    },
  },
  {
    name: 'delivers nothing more once it is paused, and lets what was delivered be settled',
    async run(bench) {
      const [one, other] = [bench.open(), bench.open()];
      const before = await bench.read(one, { acks: false, prefetch: 2 });
      await one.publish(names(4).map((name) => bench.message(name)));
      await until(() => before.messages.length === 2);
      await before.subscription.pause();
      for (const message of before.messages) message.ack();
      await pause(silence);
      expectEqual('what came', before.bodies(), ['message 0', 'message 1']);
      await before.subscription.close();
      const after = await bench.read(other);
      await until(() => after.messages.length >= 2);
      expectEqual('what came later', after.bodies(), ['message 2', 'message 3']);
    },
  },
  {
    name: 'never rejects: what is published after it was closed is unavailable',
    async run(bench) {
      const broker = bench.open();
      await broker.publish([bench.message('first')]);
      await broker.close();
      expectEqual('what publish says', statuses(await broker.publish([bench.message('late', { key: undefined })])), [
        'unavailable',
      ]);
      await broker.close();
    },
  },
];
