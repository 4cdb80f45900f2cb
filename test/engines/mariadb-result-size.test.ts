import { describe } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { checkResultSize } from '../support/result-size.ts';

const server = useTestDatabase();

describe('maxResultBytes on MariaDB', () => {
  checkResultSize(server, `select repeat('x', 10000000) as text`);
});
