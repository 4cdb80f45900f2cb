import type { CatalogQuestions } from './catalog.ts';

/** Triggers are shown only to those who have the right to make them: other tables may have any. */
const triggersAreShown = `
  exists (select 1 from information_schema.user_privileges where privilege_type = 'TRIGGER')
  or exists (select 1 from information_schema.schema_privileges p
    where p.privilege_type = 'TRIGGER' and p.table_schema = t.table_schema)
  or exists (select 1 from information_schema.table_privileges p
    where p.privilege_type = 'TRIGGER' and p.table_schema = t.table_schema and p.table_name = t.table_name)`;

/** Statements that name another schema are unclear. */
export const mysqlCatalog: CatalogQuestions = {
  names: `
    select 'table' as kind, table_name as name, '' as other from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema = database()
    union all select 'link', table_name, referenced_table_name from information_schema.referential_constraints
      where constraint_schema = database() and unique_constraint_schema = database()
    union all select 'unclear', case when constraint_schema = database() then table_name else referenced_table_name end, ''
      from information_schema.referential_constraints
      where constraint_schema <> unique_constraint_schema and database() in (constraint_schema, unique_constraint_schema)
    union all select 'unclear', t.table_name, '' from information_schema.tables t where t.table_schema = database()
      and (t.table_type <> 'BASE TABLE' or coalesce(t.engine, '') <> 'InnoDB' or not (${triggersAreShown}))
    union all select 'unclear', table_name, '' from information_schema.columns
      where table_schema = database() and column_default like '%nextval%'
    union all select 'unclear', event_object_table, '' from information_schema.triggers where trigger_schema = database()
    union all select 'unclear', routine_name, '' from information_schema.routines where routine_schema = database()
    union all select 'unclear', schema_name, '' from information_schema.schemata where schema_name <> database()`,
  level: "show session variables where variable_name in ('tx_isolation', 'transaction_isolation')",
};
