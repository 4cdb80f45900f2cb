import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { poisonSuite } from '../support/poison-suite.ts';
import { describeWith } from '../support/servers.ts';

const server = useTestDatabase('create table effect (n int not null)');
// What is kept of starts is the same for each broker.
const kinds = brokerKinds.slice(0, 1);

for (const kind of kinds) {
  await describeWith(kind.server, `a message over ${kind.server} that ends its process, on MariaDB`, () => {
    poisonSuite(server, 'mariadb', kind);
  });
}
