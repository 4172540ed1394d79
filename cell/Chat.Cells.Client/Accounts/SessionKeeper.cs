using System.Net;

namespace Chat.Cells.Client.Accounts;

/// <summary>Holds a session and renews its access token, once for all who ask at the same time.</summary>
internal sealed class SessionKeeper(Session session, ChatAccounts accounts, ChatClientOptions options) : IDisposable
{
    private readonly SemaphoreSlim gate = new(1, 1);
    private volatile Session current = session;
    private DateTimeOffset since = options.TimeProvider.GetUtcNow();

    public Session Current => current;

    /// <summary>Called after a renewal, before anyone gets the new token.</summary>
    public Action<Session>? Renewed { get; set; }

    /// <summary>When the token should be renewed, from now; zero or less: it is time.</summary>
    public TimeSpan UntilRefresh
    {
        get
        {
            var ends = DateTimeOffset.FromUnixTimeMilliseconds(current.ExpiresAt);
            var life = ends - since;
            // A server whose clock is behind ours would make every token look old: no more than one renewal in 5 s for age alone.
            var ahead = life > TimeSpan.Zero ? life * options.RefreshAhead : TimeSpan.Zero;
            var at = ends - ahead;
            var least = TimeSpan.FromSeconds(5);
            var soonest = since + (life > TimeSpan.Zero && life / 2 < least ? life / 2 : least);
            return (at < soonest ? soonest : at) - options.TimeProvider.GetUtcNow();
        }
    }

    /// <summary>The access token; renewed first when its time has come.</summary>
    /// <exception cref="SessionEndedException">The server no longer knows the session.</exception>
    public async ValueTask<string> TokenAsync(CancellationToken cancellationToken)
    {
        var token = current.AccessToken;
        if (DateTimeOffset.FromUnixTimeMilliseconds(current.ExpiresAt) > options.TimeProvider.GetUtcNow() || UntilRefresh > TimeSpan.Zero) return token;
        return await RefreshAsync(token, cancellationToken);
    }

    /// <summary>A token other than <paramref name="stale"/>.</summary>
    /// <exception cref="SessionEndedException">The server no longer knows the session.</exception>
    public async ValueTask<string> RefreshAsync(string stale, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (current.AccessToken != stale) return current.AccessToken;
            var renewed = await accounts.RefreshAsync(current, cancellationToken);
            current = renewed;
            since = options.TimeProvider.GetUtcNow();
            Renewed?.Invoke(renewed);
            return renewed.AccessToken;
        }
        catch (ChatApiException e) when (e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound)
        {
            throw new SessionEndedException(e);
        }
        finally
        {
            gate.Release();
        }
    }

    public void Dispose() => gate.Dispose();
}

/// <summary>The session is over: log in again.</summary>
public sealed class SessionEndedException(Exception? inner = null) : Exception("The session is over. Log in again.", inner);
