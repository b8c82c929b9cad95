import { TextField, useForm } from './fields';
import { RowsTable, type IColumn } from './RowsTable';

/** What comes in, where outputs go, volumes, environment, and secrets by reference. */
export function DataSection(): JSX.Element {
  const { trans } = useForm();
  const name: IColumn = { name: 'name', title: trans.__('name') };
  const sources: IColumn['options'] = [
    ['claim', trans.__('claim')],
    ['host_path', trans.__('folder of the node')],
    ['empty_dir', trans.__('empty folder')],
    ['secret', trans.__('secret')],
    ['config_map', trans.__('config map')]
  ];
  const readOnly: IColumn['options'] = [
    ['false', trans.__('read and write')],
    ['true', trans.__('read only')]
  ];
  return (
    <>
      <RowsTable
        table="channels"
        title={trans.__('Inputs')}
        help={trans.__('The notebook finds each by its name: run.channels["train"].')}
        columns={[name, { name: 'uri', title: trans.__('path or URI'), placeholder: 's3://bucket/data' }]}
        add={trans.__('Add an input')}
      />
      <RowsTable
        table="include"
        title={trans.__('Files to ship')}
        help={trans.__('Data files beside the notebook that the job needs. Modules that it imports go along anyway.')}
        columns={[{ name: 'glob', title: trans.__('pattern'), placeholder: 'data/*.csv' }]}
        add={trans.__('Add a pattern')}
      />
      <TextField
        path="output_uri"
        label={trans.__('Outputs')}
        placeholder={trans.__('Kept with the job')}
        help={trans.__('Folder or URI that gets the executed notebook and what the run saves.')}
      />
      <RowsTable
        table="volumes"
        title={trans.__('Volumes')}
        help={trans.__('Mounted in every replica.')}
        columns={[
          name,
          { name: 'mount_path', title: trans.__('mount path'), placeholder: '/data' },
          { name: 'source', title: trans.__('source'), options: sources },
          { name: 'place', title: trans.__('name or path'), isShown: ({ source }) => source !== 'empty_dir' },
          { name: 'read_only', title: trans.__('access'), options: readOnly }
        ]}
        add={trans.__('Add a volume')}
      />
      <RowsTable
        table="env"
        title={trans.__('Environment')}
        help={trans.__('Everyone who may see the job can read these. Passwords belong into secrets.')}
        columns={[name, { name: 'value', title: trans.__('value') }]}
        add={trans.__('Add a variable')}
      />
      <RowsTable
        table="secrets"
        title={trans.__('Secrets')}
        help={trans.__('Variables whose values stay where they are: only the secret’s name and its key are noted.')}
        columns={[
          { name: 'name', title: trans.__('variable') },
          { name: 'secret', title: trans.__('secret') },
          { name: 'key', title: trans.__('key') }
        ]}
        add={trans.__('Add a secret')}
      />
    </>
  );
}
