import { Empty, localTime } from '../common';
import type { ITabProps } from './JobView';

/** What happened to the job and its replicas, newest first. */
export function Events({ job, trans }: ITabProps): JSX.Element {
  if (job.events.length === 0) {
    return <Empty title={trans.__('No events yet.')} />;
  }
  const heads = [trans.__('Time'), trans.__('Type'), trans.__('Event'), trans.__('Object')];
  return (
    <div className="jp-mltrain-Scroll" role="region" aria-label={trans.__('Events')} tabIndex={0}>
      <table className="jp-mltrain-Table">
        <caption className="jp-mltrain-sr">{trans.__('Events, newest first')}</caption>
        <thead>
          <tr>
            {heads.map(head => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {job.events
            .map((event, index) => (
              <tr key={index} data-type={event.type}>
                <td>
                  <time dateTime={event.time}>{localTime(event.time)}</time>
                </td>
                <td>{event.type === 'Warning' ? trans.__('⚠ Warning') : trans.__('Normal')}</td>
                <td className="jp-mltrain-Table-text">
                  <strong>{event.count > 1 ? `${event.reason} ×${event.count}` : event.reason}</strong>
                  <p className="jp-mltrain-Quiet">{event.message}</p>
                </td>
                <td>{event.object}</td>
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </div>
  );
}
