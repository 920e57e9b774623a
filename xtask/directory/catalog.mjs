// Whether the portal's own validators take what Placet exports: its envelope, its names, its kinds.
// Required, not imported: the package's modules of the newer kind name files that Node does not find.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { parseAllDocuments } = require('yaml');
const { FieldFormatEntityPolicy, SchemaValidEntityPolicy, NoForeignRootFieldsEntityPolicy } =
  require('@backstage/catalog-model');
const { aiResourceEntityV1alpha1Validator, mcpServerApiEntityValidator } = require('@backstage/catalog-model/alpha');

const kinds = { AiResource: aiResourceEntityV1alpha1Validator, API: mcpServerApiEntityValidator };
const policies = [new SchemaValidEntityPolicy(), new NoForeignRootFieldsEntityPolicy(), new FieldFormatEntityPolicy()];
for (const document of parseAllDocuments(readFileSync(process.argv[2], 'utf8'))) {
  const entity = document.toJS();
  const name = `${entity.kind} ${entity.metadata?.name}`;
  try {
    if (document.errors.length > 0) throw document.errors[0];
    for (const policy of policies) {
      if (!(await policy.enforce(entity))) throw new Error(`${policy.constructor.name} does not take it`);
    }
    if (!(await kinds[entity.kind].check(entity))) throw new Error('its kind does not take it');
    console.log('held  ', name);
  } catch (error) {
    console.log('MISSED', `${name}: ${error.message}`);
  }
}
