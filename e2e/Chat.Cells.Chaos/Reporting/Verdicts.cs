namespace Chat.Cells.Chaos.Reporting;

/// <summary>How a scenario ended. The numbers are the program's exit codes.</summary>
public enum Ending
{
    Passed = 0,

    /// <summary>The servers lost, doubled or reordered something, or didn't recover.</summary>
    ProductFailed = 1,

    /// <summary>The scenario could not do what it is for; nothing is known of the servers.</summary>
    HarnessFailed = 2,

    /// <summary>The machine was too small, too full or too slow to tell.</summary>
    MachineFailed = 3,

    /// <summary>It needs something that isn't here; it says what. Counts as passed.</summary>
    Skipped = 10,
}

/// <summary>The servers failed; the message says how.</summary>
/// <param name="message">How.</param>
/// <param name="waited">How long something was waited for that didn't come, until now; null: it isn't a question of time.</param>
public sealed class ProductFailedException(string message, TimeSpan? waited = null) : Exception(message)
{
    public TimeSpan? Waited { get; } = waited;
}

/// <summary>The scenario could not do what it is for.</summary>
public sealed class HarnessException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The machine is too small, too full or too slow.</summary>
public sealed class MachineException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The scenario needs something that isn't here.</summary>
public sealed class SkippedException(string message) : Exception(message);
