import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { poisonSuite } from '../support/poison-suite.ts';
import { describeWith } from '../support/servers.ts';

const server = useTestDatabase('create table effect (n int not null)');

for (const kind of brokerKinds) {
  await describeWith(kind.server, `a message over ${kind.server} that ends its process`, () => {
    poisonSuite(server, 'postgres', kind);
  });
}
