namespace Chat.Cells.Chaos.Steps;

/// <summary>Where all servers of a cell announce their steps: counts them, and springs the trap that is set.</summary>
public sealed class StepBoard
{
    private readonly Lock gate = new();
    private readonly Dictionary<Step, int> counts = [];
    private StepTrap? armed;

    /// <summary>How often each step was reached so far. What is in here is what the servers do: nothing lists the steps beforehand.</summary>
    public IReadOnlyDictionary<Step, int> Counts
    {
        get
        {
            lock (gate) return new Dictionary<Step, int>(counts);
        }
    }

    /// <summary>Sets a trap; there is one at a time.</summary>
    public void Arm(StepTrap trap)
    {
        lock (gate) armed = trap;
    }

    /// <summary>Takes the trap away, sprung or not.</summary>
    public void Disarm()
    {
        lock (gate) armed = null;
    }

    /// <summary>A server is at a step; false when it is frozen or dead, and therefore not there yet.</summary>
    /// <param name="sprung">The trap that it sprang; null for none.</param>
    public bool TryReach(Step step, ServerLife life, out StepTrap? sprung)
    {
        lock (gate)
        {
            sprung = null;
            if (life.IsFrozen || life.IsDead) return false;
            counts[step] = counts.GetValueOrDefault(step) + 1;
            if (armed is not { } trap || trap.Step != step || !trap.CountDown()) return true;
            armed = null;
            // Under the lock: no other step of this server passes between this one and its freezing.
            if (trap.Kind == TrapKind.Freeze) life.Freeze();
            if (trap.Kind == TrapKind.Stop) ThisProcess.Stop();
            trap.Spring(life);
            sprung = trap;
            return true;
        }
    }
}

/// <summary>What a trap does to the server that steps on it.</summary>
public enum TrapKind
{
    /// <summary>Everything the server does stops there, until it is thawed or killed.</summary>
    Freeze,

    /// <summary>SIGSTOP for the whole process, there and then; somebody else kills it, or lets it go on.</summary>
    Stop,

    /// <summary>The call fails; before the effect it hasn't happened, after it it has, and the server can't know.</summary>
    Fail,
}

/// <summary>Waits for the n-th time that a step is reached.</summary>
public sealed class StepTrap(Step step, int nth, TrapKind kind)
{
    private readonly TaskCompletionSource<ServerLife> sprung = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int left = nth;

    public Step Step => step;

    public TrapKind Kind => kind;

    /// <summary>Completes with the server that stepped on it.</summary>
    public Task<ServerLife> Sprung => sprung.Task;

    internal bool CountDown() => --left <= 0;

    internal void Spring(ServerLife life) => sprung.TrySetResult(life);
}
