using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// Publishes verdicts and receipt hints of one partition. Best effort: a client that misses a verdict sends its request again, one that misses a receipt reads the pointers.
/// A batch's are published at once, in order, so that it waits for the state once, and never longer than <see cref="StatePatience"/> allows.
/// </summary>
internal sealed partial class VerdictPublisher
{
    /// <summary>About what one of them keeps in memory until it is published, in bytes.</summary>
    private const int VerdictBytes = 512;

    private readonly ICellState state;
    private readonly ILogger logger;

    // Apart, since a receipt's servers must be looked up, and a verdict is waited for.
    private readonly StateLane<List<(string ServerId, Verdict Verdict)>> verdicts;
    private readonly StateLane<List<ReceiptHint>> receipts;

    public VerdictPublisher(ICellState state, StatePatience patience, ILogger logger)
    {
        this.state = state;
        this.logger = logger;
        verdicts = new(PublishAsync, patience);
        receipts = new(PublishAsync, patience);
    }

    public async ValueTask PublishAsync(List<Judgement> judgements, CancellationToken cancellationToken)
    {
        List<(string ServerId, Verdict Verdict)>? answers = null;
        List<ReceiptHint>? hints = null;
        var recipients = 0;
        foreach (var judgement in judgements)
        {
            if (judgement.Verdict is { } verdict && judgement.ServerId.Length > 0) (answers ??= []).Add((judgement.ServerId, verdict));
            if (judgement.ReceiptHint is not { } hint) continue;
            (hints ??= []).Add(hint);
            recipients += hint.Recipients.Count;
        }
        if (answers is not null && !await verdicts.DoAsync(answers, (long)answers.Count * VerdictBytes, cancellationToken)) Drop(answers.Count);
        if (hints is not null && !await receipts.DoAsync(hints, (long)(hints.Count + recipients) * VerdictBytes, cancellationToken)) Drop(hints.Count);
    }

    private async Task PublishAsync(IReadOnlyList<List<(string ServerId, Verdict Verdict)>> batches, CancellationToken cancellationToken)
    {
        try
        {
            var calls = new StateCalls();
            foreach (var batch in batches)
            {
                foreach (var (server, verdict) in batch) calls.Add(state.PublishAsync(server, ServerMessage.Encode(verdict), cancellationToken));
            }
            await calls.AllAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Failed(e);
        }
    }

    /// <summary>Tells the servers that hold sockets of the hints' recipients.</summary>
    private async Task PublishAsync(IReadOnlyList<List<ReceiptHint>> batches, CancellationToken cancellationToken)
    {
        try
        {
            var users = new List<string>();
            foreach (var batch in batches)
            {
                foreach (var hint in batch) users.AddRange(hint.Recipients);
            }
            var servers = await state.FindServersAsync(users, cancellationToken);
            var next = 0;
            var calls = new StateCalls();
            foreach (var batch in batches)
            {
                foreach (var hint in batch)
                {
                    var byServer = new Dictionary<string, List<string>>();
                    foreach (var user in hint.Recipients)
                    {
                        foreach (var server in servers[next++])
                        {
                            if (!byServer.TryGetValue(server, out var there)) byServer[server] = there = [];
                            there.Add(user);
                        }
                    }
                    foreach (var (server, there) in byServer) calls.Add(state.PublishAsync(server, ServerMessage.Encode(hint with { Recipients = there }), cancellationToken));
                }
            }
            await calls.AllAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Failed(e);
        }
    }

    private void Failed(Exception e)
    {
        CellMeter.PublishFailed.Add(1);
        LogFailed(logger, e);
    }

    private void Drop(int count)
    {
        CellMeter.PublishFailed.Add(count);
        LogDropped(logger, count);
    }

    [LoggerMessage(3, LogLevel.Warning, "Verdicts or receipts could not be published; clients will ask again.")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "{Count} verdicts or receipts were dropped, because too much waits for the fast state; clients will ask again.")]
    private static partial void LogDropped(ILogger logger, int count);
}
