using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Tests.Hosting;

internal sealed partial class FailingState
{
    public ValueTask<IReadOnlyList<InboxCursor?>> RefreshAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken) => Reach().RefreshAsync(serverId, users, timeToLive, cancellationToken);
    public ValueTask<IReadOnlyList<PresenceChange>> SetPresenceAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken) => Reach().SetPresenceAsync(serverId, users, timeToLive, cancellationToken);
    public ValueTask<IReadOnlyList<PresenceSnapshot?>> WatchPresenceAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => Reach().WatchPresenceAsync(serverId, userIds, timeToLive, cancellationToken);
}
