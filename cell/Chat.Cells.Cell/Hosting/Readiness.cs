using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Hosting;

/// <summary>
/// Whether this server can do its work now: map, log and store answer, every role runs, and it isn't draining. What it finds of the state is said and doesn't count: messages are judged, stored and
/// delivered without it.
/// </summary>
internal sealed class Readiness(CurrentCellMap map, IMessageLog log, IAccountStore accounts, ICellState state, IEnumerable<RoleHost> roles, Drain drain)
{
    private const string State = "state";

    // No user's: ids have a dot.
    private static readonly string[] Nobody = ["readiness"];

    private static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(2);

    public async Task<(bool Ready, IReadOnlyDictionary<string, string> Checks)> CheckAsync(CancellationToken cancellationToken)
    {
        // At once, so that the answer comes in time also when none of them answers.
        var ofLog = TryAsync(async token => await log.GetOffsetsAsync(new TopicPartition(Topics.DirectMessages, 0), token), cancellationToken);
        var ofStore = TryAsync(async token => await accounts.CountAccountsAsync(token), cancellationToken);
        var ofState = TryAsync(async token => await state.GetCursorsAsync(Nobody, token), cancellationToken);
        var checks = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["accepting"] = drain.IsDraining ? "draining" : "ok",
            ["map"] = map.Current is null ? "not read yet" : "ok",
            ["log"] = await ofLog,
            ["store"] = await ofStore,
            [State] = await ofState,
        };
        foreach (var role in roles) checks[role.Name] = role.IsRunning ? "ok" : "not running";
        return (checks.All(c => c.Key == State || c.Value == "ok"), checks);
    }

    private static async Task<string> TryAsync(Func<CancellationToken, Task> check, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(CheckTimeout);
        try
        {
            await check(limit.Token).WaitAsync(CheckTimeout, cancellationToken);
            return "ok";
        }
        catch (Exception e) when (e is LogException or StoreException or CellStateException)
        {
            return e.Message;
        }
        catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return "no answer";
        }
    }
}
