using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Steps;

/// <summary>
/// One life of one server in this process, as its engines see it: from its start to its death. A frozen server gets no answer and starts nothing; a dead one has
/// no effect on anything any more, whatever its code still tries.
/// </summary>
public sealed class ServerLife(string name, StepBoard board) : IDisposable
{
    /// <summary>The role of work that isn't a consumer group's.</summary>
    public const string Gateway = "gateway";

    private static readonly AsyncLocal<string?> CurrentRole = new();
    private readonly CancellationTokenSource death = new();
    private volatile TaskCompletionSource? frozen;

    /// <summary>Cancelled when the server dies.</summary>
    public CancellationToken Death => death.Token;

    public bool IsFrozen => frozen is not null;

    public bool IsDead => death.IsCancellationRequested;

    /// <summary>Says whose work the calls of this flow are, until the calling method ends.</summary>
    public static void Enter(string role) => CurrentRole.Value = role;

    public void Freeze() => frozen ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Thaw()
    {
        var ice = frozen;
        frozen = null;
        ice?.TrySetResult();
    }

    /// <summary>SIGKILL, as far as the engines can tell.</summary>
    public void Kill()
    {
        death.Cancel();
        Thaw();
    }

    /// <summary>Completes when the server may take this step.</summary>
    /// <exception cref="ServerDiedException">It died.</exception>
    /// <exception cref="Exception">What <paramref name="failure"/> makes, when a trap says that the step fails.</exception>
    public ValueTask PassAsync(string effect, Side side, Func<Exception> failure)
    {
        var step = new Step(CurrentRole.Value ?? Gateway, effect, side);
        if (!board.TryReach(step, this, out var sprung)) return PassLaterAsync(step, failure);
        return sprung is null ? ValueTask.CompletedTask : SuffersAsync(sprung, failure);
    }

    /// <summary>Completes when the server is not frozen. For calls that have no effect.</summary>
    /// <exception cref="ServerDiedException">It died.</exception>
    public async ValueTask CheckAsync()
    {
        while (frozen is { } ice) await ice.Task;
        if (IsDead) throw new ServerDiedException(name);
    }

    public void Dispose() => death.Dispose();

    private async ValueTask PassLaterAsync(Step step, Func<Exception> failure)
    {
        StepTrap? sprung;
        do await CheckAsync();
        while (!board.TryReach(step, this, out sprung));
        if (sprung is not null) await SuffersAsync(sprung, failure);
    }

    private async ValueTask SuffersAsync(StepTrap sprung, Func<Exception> failure)
    {
        await CheckAsync();
        if (sprung.Kind == TrapKind.Fail) throw failure();
    }
}

/// <summary>What a killed server's code is told by its engines; nobody outside ever hears of it.</summary>
public sealed class ServerDiedException(string server) : LogException($"{server} was killed.");
