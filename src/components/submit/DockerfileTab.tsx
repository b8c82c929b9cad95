import { useEffect } from 'react';

import { useModel } from '../hooks';
import { Code } from '../job/Code';
import { FindingList } from './Checks';
import { Document, fileName, NothingYet } from './Document';
import type { IPreviewProps } from './Preview';

/** A Dockerfile that builds the same environment, for those who build with other tools. */
export function DockerfileTab({
  model,
  services,
  trans,
  save,
  isShown
}: IPreviewProps & { isShown: boolean }): JSX.Element {
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
  return (
    <Document
      text={dockerfile.text}
      what={trans.__('Dockerfile')}
      name={fileName(path, '.Dockerfile')}
      trans={trans}
      onSave={() => save('.Dockerfile', dockerfile.text)}
      note=""
    >
      <FindingList findings={dockerfile.findings} trans={trans} />
      <Code source={dockerfile.text} language="dockerfile" rendermime={services.rendermime} />
    </Document>
  );
}
