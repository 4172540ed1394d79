using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>Workers neither have nor watch sockets.</summary>
internal sealed partial class TestState
{
    public ValueTask<IReadOnlyList<InboxCursor?>> RefreshAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken) => throw new NotSupportedException("Only gateways refresh.");

    public ValueTask<IReadOnlyList<PresenceChange>> SetPresenceAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken) => throw new NotSupportedException("Only gateways say presence.");

    public ValueTask<IReadOnlyList<PresenceSnapshot?>> WatchPresenceAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => throw new NotSupportedException("Only gateways watch.");
}
