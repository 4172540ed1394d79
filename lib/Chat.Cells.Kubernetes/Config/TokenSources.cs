namespace Chat.Cells.Kubernetes.Config;

/// <summary>Where bearer tokens come from.</summary>
public interface ITokenSource
{
    /// <summary>The token to send now, or null for none.</summary>
    /// <param name="time">Clock for expiry.</param>
    /// <param name="fresh">True after the server has refused the last one: do not answer from a cache.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask<string?> GetAsync(TimeProvider time, bool fresh, CancellationToken cancellationToken);
}

/// <summary>A token written in the configuration.</summary>
public sealed class StaticTokenSource(string token) : ITokenSource
{
    /// <inheritdoc/>
    public ValueTask<string?> GetAsync(TimeProvider time, bool fresh, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(token);
}

/// <summary>A token in a file that is rotated: read again each minute, as client-go does, and when the server refuses it.</summary>
public sealed class FileTokenSource(string path) : ITokenSource
{
    private static readonly TimeSpan Age = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile Cached? _cached;

    /// <inheritdoc/>
    public async ValueTask<string?> GetAsync(TimeProvider time, bool fresh, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (!fresh && _cached is { } cached && time.GetElapsedTime(cached.ReadAt, now) < Age)
        {
            return cached.Token;
        }
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var token = (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
            _cached = new Cached(token, now);
            return token;
        }
        catch (IOException) when (_cached is not null)
        {
            // The file is being replaced: the token at hand is as good as it was.
            return _cached.Token;
        }
        finally
        {
            _gate.Release();
        }
    }

    private sealed record Cached(string Token, long ReadAt);
}
