import { expect, it } from 'vitest';
import { questionText } from '../../src/inspector/fleet/questions.ts';
import { type FleetBus, joinFleet } from '../../src/inspector/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { signal, until } from '../support/settled.ts';

const server = useTestDatabase();

it('a process that leaves the fleet while it answers says nothing after its farewell', async () => {
  const database = server.open();
  const sent: string[] = [];
  let hear: (text: string) => void = () => {};
  const bus: FleetBus = {
    longestMessage: 1_000,
    open: (onMessage) => void (hear = onMessage),
    publish: (text) => Promise.resolve(void sent.push(text)),
    close: () => Promise.resolve(),
  };
  const member = joinFleet(database, { fleet: bus });
  const [held, release] = [signal(), signal()];
  const holding = database.transaction(async () => {
    await insert(database, 1);
    held.fire();
    await release.promise;
  });
  await held.promise;
  hear(questionText({ id: 'q-1', from: 'another', about: 'report' }));
  await until('it has answered', () => sent.length > 0);
  hear(questionText({ id: 'q-2', from: 'another', about: 'report' }));
  await member.close();
  const said = sent.length;
  expect(sent.at(-1)).toMatch(/^b1 /);
  // The answer asks the server for its locks before: that of another look has come by then.
  await database.holders();
  await database.holders();
  release.fire();
  await holding;
  expect(sent).toHaveLength(said);
});
