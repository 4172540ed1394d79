using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>Asks the judge for changes of channels and waits for its verdict.</summary>
internal sealed class CommandClient(CellIdentity identity, ChannelLog channels, PendingRequests pending)
{
    private static readonly TimeSpan VerdictTimeout = TimeSpan.FromSeconds(5);

    public RequestOrigin Origin(string userId, string deviceId, string requestId) => new(identity.ServerId, userId, deviceId, requestId);

    /// <summary>Null when the verdict didn't come in time: the same requestId may be asked again.</summary>
    /// <exception cref="LogException">Not appended, or not known whether it was.</exception>
    public async Task<Verdict?> AskAsync(CommandRecord command, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<Verdict?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var wait = pending.Add(command.Origin.UserId, command.Origin.DeviceId, command.ChannelId, command.Origin.RequestId, VerdictTimeout, verdict => answer.TrySetResult(verdict));
        try
        {
            await channels.AppendAsync(command, command.Type, CancellationToken.None);
            return await answer.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            pending.Drop(wait);
        }
    }
}
