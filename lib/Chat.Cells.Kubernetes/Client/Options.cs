namespace Chat.Cells.Kubernetes.Client;

/// <summary>What to list.</summary>
public sealed record ListOptions
{
    /// <summary>For example <c>app=cell,tier!=db</c>.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>For example <c>metadata.name=x</c>.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Objects per chunk; null for the default of 500.</summary>
    public int? Limit { get; init; }

    /// <summary>Token of the next chunk.</summary>
    public string? Continue { get; init; }

    /// <summary><c>0</c> for whatever the server has in its cache; null for the newest.</summary>
    public string? ResourceVersion { get; init; }
}

/// <summary>What to watch.</summary>
public sealed record WatchOptions
{
    /// <summary>Labels to select by.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>Fields to select by.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Start after this version.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>The server ends the watch after this time; default five minutes.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>How to write.</summary>
public sealed record WriteOptions
{
    /// <summary>Who writes, for field ownership.</summary>
    public string? FieldManager { get; init; }

    /// <summary>Check everything, store nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary><c>Strict</c>, <c>Warn</c> or <c>Ignore</c>; null for the server's default.</summary>
    public string? FieldValidation { get; init; }
}

/// <summary>How to delete.</summary>
public sealed record DeleteOptions
{
    /// <summary>Delete only the object with this uid.</summary>
    public string? Uid { get; init; }

    /// <summary>Delete only at this version.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>Null for the server's default (background for most kinds).</summary>
    public PropagationPolicy? PropagationPolicy { get; init; }

    /// <summary>Seconds that a pod gets to stop; null for its own.</summary>
    public long? GracePeriodSeconds { get; init; }
}

/// <summary>What happens to the dependents of a deleted object.</summary>
public enum PropagationPolicy
{
    /// <summary>They stay.</summary>
    Orphan,

    /// <summary>They go after it.</summary>
    Background,

    /// <summary>They go before it.</summary>
    Foreground,
}

/// <summary>What to read of a container's log.</summary>
public sealed record LogOptions
{
    /// <summary>The container; null when the pod has one.</summary>
    public string? Container { get; init; }

    /// <summary>Stay and read on.</summary>
    public bool Follow { get; init; }

    /// <summary>Only the last lines.</summary>
    public int? TailLines { get; init; }

    /// <summary>The run before the last restart.</summary>
    public bool Previous { get; init; }

    /// <summary>Put a time before each line.</summary>
    public bool Timestamps { get; init; }
}

/// <summary>What happened to an object.</summary>
public enum WatchEventType
{
    /// <summary>The object is new, or newly selected.</summary>
    Added,

    /// <summary>The object changed.</summary>
    Modified,

    /// <summary>The object is gone, or no longer selected; the event carries its last state.</summary>
    Deleted,

    /// <summary>Nothing happened up to this resource version.</summary>
    Bookmark,
}

/// <summary>One event of a watch.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Object">The object; of a bookmark only its resource version counts.</param>
public sealed record WatchEvent<T>(WatchEventType Type, T Object);
