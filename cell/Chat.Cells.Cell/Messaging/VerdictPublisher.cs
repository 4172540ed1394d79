using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>Publishes verdicts and receipt hints. Best effort: a client that misses a verdict sends its request again, one that misses a receipt reads the pointers.</summary>
internal sealed partial class VerdictPublisher(ICellState state, ILogger logger)
{
    public async ValueTask PublishAsync(List<Judgement> judgements, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var judgement in judgements)
            {
                if (judgement.Verdict is not { } verdict || judgement.ServerId.Length == 0) continue;
                await state.PublishAsync(judgement.ServerId, ServerMessage.Encode(verdict), cancellationToken);
            }
            foreach (var judgement in judgements)
            {
                if (judgement.ReceiptHint is { } hint) await PublishReceiptAsync(hint, cancellationToken);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            CellMeter.PublishFailed.Add(1);
            LogFailed(logger, e);
        }
    }

    /// <summary>Tells the servers that hold sockets of the hint's recipients.</summary>
    /// <exception cref="Exception">Whatever the state's engine throws.</exception>
    public async ValueTask PublishReceiptAsync(ReceiptHint hint, CancellationToken cancellationToken)
    {
        var servers = await state.FindServersAsync(hint.Recipients, cancellationToken);
        var byServer = new Dictionary<string, List<string>>();
        for (var i = 0; i < servers.Count; i++)
        {
            foreach (var server in servers[i])
            {
                if (!byServer.TryGetValue(server, out var users)) byServer[server] = users = [];
                users.Add(hint.Recipients[i]);
            }
        }
        foreach (var (server, users) in byServer)
        {
            await state.PublishAsync(server, ServerMessage.Encode(hint with { Recipients = users }), cancellationToken);
        }
    }

    [LoggerMessage(3, LogLevel.Warning, "Verdicts or receipts could not be published; clients will ask again.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
