import type { CommandRegistry } from '@lumino/commands';
import { useEffect } from 'react';

import { useModel } from '../hooks';
import { Code } from '../job/Code';
import { FindingList } from './Checks';
import { Document, fileName, NothingYet } from './Document';
import type { IPreviewProps } from './Preview';

/** A Dockerfile that builds the same environment, and its folder, for those who build with other tools. */
export function DockerfileTab({ model, services, trans, isShown }: IPreviewProps & { isShown: boolean }): JSX.Element {
  const { isPlanning, path } = useModel(model);
  const { dockerfile } = useModel(model.image);
  useEffect(() => {
    if (isShown && !isPlanning) {
      void model.image.loadDockerfile();
    }
  });
  if (!dockerfile || dockerfile.error) {
    const retry = (): void => model.image.retryDockerfile();
    return <NothingYet error={dockerfile?.error ?? null} isPlanning={!dockerfile} trans={trans} onRetry={retry} />;
  }
  const isForced = dockerfile.findings.some(({ severity }) => severity === 'error');
  const onSave = async (): Promise<void> => {
    const saved = await model.image.saveDockerfile(isForced);
    if (saved) {
      await show(services.commands, saved.kind === 'folder' ? `${saved.path}/Dockerfile` : '');
    }
  };
  return (
    <Document
      text={dockerfile.text}
      what={trans.__('Dockerfile')}
      name={fileName(path, '-image.tar.gz')}
      trans={trans}
      content={() => model.image.packDockerfile(isForced)}
      onSave={onSave}
      isForced={isForced}
      note={trans.__('It is built in its folder: Download and Save give all of that, Copy the text alone.')}
    >
      <FindingList findings={dockerfile.findings} trans={trans} />
      <Code source={dockerfile.text} language="dockerfile" rendermime={services.rendermime} />
    </Document>
  );
}

/** Have the file browser look at what the server has written, and open the file; `''`: there is none to be read. */
async function show(commands: CommandRegistry, path: string): Promise<void> {
  if (commands.hasCommand('filebrowser:refresh')) {
    await commands.execute('filebrowser:refresh');
  }
  if (path && commands.hasCommand('docmanager:open')) {
    await commands.execute('docmanager:open', { path });
  }
}
