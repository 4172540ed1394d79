namespace Chat.Cells.Client.Sync;

/// <summary>Keeps a device's sync cursor between runs. The cursor is opaque text.</summary>
public interface ICursorStore
{
    /// <summary>Null: never synced.</summary>
    ValueTask<string?> LoadAsync(CancellationToken cancellationToken);

    ValueTask SaveAsync(string cursor, CancellationToken cancellationToken);
}

/// <summary>Forgets with the process.</summary>
public sealed class InMemoryCursorStore(string? cursor = null) : ICursorStore
{
    private volatile string? cursor = cursor;

    /// <summary>The cursor saved last.</summary>
    public string? Current => cursor;

    public ValueTask<string?> LoadAsync(CancellationToken cancellationToken) => ValueTask.FromResult(cursor);

    public ValueTask SaveAsync(string cursor, CancellationToken cancellationToken)
    {
        this.cursor = cursor;
        return ValueTask.CompletedTask;
    }
}
