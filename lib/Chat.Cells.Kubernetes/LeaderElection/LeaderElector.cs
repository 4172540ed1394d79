using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Kubernetes.LeaderElection;

/// <summary>Which lease, for whom, and the timings; client-go's by default.</summary>
public sealed record LeaderElectionOptions
{
    /// <summary>Namespace of the lease.</summary>
    public required string Namespace { get; init; }

    /// <summary>Name of the lease.</summary>
    public required string Name { get; init; }

    /// <summary>Who we are: unique among all who want the lease, also across restarts.</summary>
    public required string Identity { get; init; }

    /// <summary>Others wait this long after the last renewal that they saw before they take the lease.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A leader that could not renew for this long stops leading; must be shorter than <see cref="LeaseDuration"/>.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time between attempts; must be shorter than <see cref="RenewDeadline"/>.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>
/// Leader election on a Lease, as client-go does it: the holder's own clock is never trusted, a lease is free when its record has not been seen to change
/// for its duration. A leader that can't renew within the deadline cancels its work before the others may take over. The lease is given back when
/// the work ends or is cancelled.
/// </summary>
public sealed partial class LeaderElector
{
    private readonly ResourceClient<V1Lease> _leases;
    private readonly LeaderElectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private V1LeaseSpec? _observed;
    private long _observedAt;
    private volatile bool _isLeader;

    /// <summary>Makes an elector.</summary>
    /// <exception cref="ArgumentException">The timings don't fit each other.</exception>
    public LeaderElector(KubernetesClient client, LeaderElectionOptions options, ILogger logger, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (options.LeaseDuration <= options.RenewDeadline || options.RenewDeadline <= options.RetryPeriod || options.RetryPeriod <= TimeSpan.Zero)
        {
            throw new ArgumentException("Leader election needs LeaseDuration > RenewDeadline > RetryPeriod > 0.", nameof(options));
        }
        _leases = client.Of<V1Lease>();
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>True while this process leads.</summary>
    public bool IsLeader => _isLeader;

    /// <summary>Who holds the lease as far as this process has seen; null before the first look.</summary>
    public string? Holder => _observed?.HolderIdentity;

    /// <summary>
    /// Waits for the lease, runs <paramref name="lead"/> while holding it, and starts over when the lease is lost. Ends when cancelled, or when the work ends by
    /// itself. The work's token is cancelled when the lease is lost: it must stop promptly (within lease duration less renew deadline).
    /// </summary>
    public async Task RunAsync(Func<CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (!await AcquireAsync(cancellationToken))
            {
                return;
            }
            LogLeading(_options.Identity, _options.Name);
            _isLeader = true;
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var work = Task.Run(() => lead(leading.Token), CancellationToken.None);
            using var renewing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var lost = await RenewUntilLostAsync(work, renewing.Token);
            _isLeader = false;
            await leading.CancelAsync();
            try
            {
                await work;
            }
            catch (OperationCanceledException) when (leading.IsCancellationRequested)
            {
                LogStopped(_options.Identity, _options.Name);
            }
            finally
            {
                if (!lost)
                {
                    await ReleaseAsync();
                }
            }
            if (!lost)
            {
                return;
            }
            LogLost(_options.Identity, _options.Name, _options.RenewDeadline);
        }
    }

    private async Task<bool> AcquireAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await TryAcquireOrRenewAsync(_options.RenewDeadline, cancellationToken))
                {
                    return true;
                }
                await Task.Delay(_options.RetryPeriod * (1 + (Random.Shared.NextDouble() * 0.2)), _time, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    /// <summary>True when the lease was lost, false when the work ended or was cancelled.</summary>
    private async Task<bool> RenewUntilLostAsync(Task work, CancellationToken cancellationToken)
    {
        var renewedAt = _time.GetTimestamp();
        while (true)
        {
            try
            {
                var wait = Task.Delay(_options.RetryPeriod, _time, cancellationToken);
                if (await Task.WhenAny(work, wait) == work)
                {
                    return false;
                }
                await wait;
                var left = _options.RenewDeadline - _time.GetElapsedTime(renewedAt);
                if (left <= TimeSpan.Zero)
                {
                    return true;
                }
                // Counted from before the request: the server may have taken it at any moment since.
                var asked = _time.GetTimestamp();
                if (await TryAcquireOrRenewAsync(left, cancellationToken))
                {
                    renewedAt = asked;
                }
                else if (_observed is { } seen && seen.HolderIdentity != _options.Identity && !string.IsNullOrEmpty(seen.HolderIdentity))
                {
                    return true;
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    private async Task<bool> TryAcquireOrRenewAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            return await TryAcquireOrRenewAsync(either.Token);
        }
        catch (KubernetesException e) when (e.IsConflict || e.IsAlreadyExists)
        {
            LogOutrun(_options.Identity, _options.Name);
            return false;
        }
        catch (Exception e) when (ApiFailure.Is(e) || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFailed(_options.Identity, _options.Name, e.Message);
            return false;
        }
    }

    private async Task<bool> TryAcquireOrRenewAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var lease = await _leases.TryGetAsync(_options.Namespace, _options.Name, cancellationToken);
        var mine = new V1LeaseSpec
        {
            HolderIdentity = _options.Identity,
            LeaseDurationSeconds = (int)Math.Ceiling(_options.LeaseDuration.TotalSeconds),
            AcquireTime = now,
            RenewTime = now,
            LeaseTransitions = 0,
        };
        if (lease is null)
        {
            var created = await _leases.CreateAsync(
                new V1Lease { Metadata = new V1ObjectMeta { Namespace = _options.Namespace, Name = _options.Name }, Spec = mine }, cancellationToken);
            Observe(created.Spec);
            return true;
        }
        Observe(lease.Spec);
        var held = lease.Spec ?? new V1LeaseSpec();
        var isMine = held.HolderIdentity == _options.Identity;
        if (!isMine && !string.IsNullOrEmpty(held.HolderIdentity) && _time.GetElapsedTime(_observedAt) < DurationOf(held))
        {
            return false;
        }
        var updated = await _leases.UpdateAsync(
            lease with
            {
                Spec = mine with
                {
                    AcquireTime = isMine ? held.AcquireTime : now,
                    LeaseTransitions = (held.LeaseTransitions ?? 0) + (isMine ? 0 : 1),
                    UnknownFields = held.UnknownFields,
                },
            },
            cancellationToken);
        Observe(updated.Spec);
        return true;
    }

    private void Observe(V1LeaseSpec? spec)
    {
        if (_observed is null || _observed.HolderIdentity != spec?.HolderIdentity || _observed.RenewTime != spec?.RenewTime || _observed.AcquireTime != spec?.AcquireTime)
        {
            _observed = spec ?? new V1LeaseSpec();
            _observedAt = _time.GetTimestamp();
        }
    }

    private TimeSpan DurationOf(V1LeaseSpec spec) => spec.LeaseDurationSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : _options.LeaseDuration;

    private async Task ReleaseAsync()
    {
        using var deadline = new CancellationTokenSource(_options.RenewDeadline, _time);
        try
        {
            var lease = await _leases.TryGetAsync(_options.Namespace, _options.Name, deadline.Token);
            if (lease?.Spec?.HolderIdentity == _options.Identity)
            {
                var now = _time.GetUtcNow();
                var released = lease.Spec with { HolderIdentity = string.Empty, LeaseDurationSeconds = 1, AcquireTime = now, RenewTime = now };
                await _leases.UpdateAsync(lease with { Spec = released }, deadline.Token);
            }
        }
        catch (Exception e) when (ApiFailure.Is(e) || e is OperationCanceledException)
        {
            // It runs out by itself.
            LogFailed(_options.Identity, _options.Name, e.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "{Identity} leads (lease {Lease})")]
    private partial void LogLeading(string identity, string lease);

    [LoggerMessage(2, LogLevel.Warning, "{Identity} lost the lease {Lease}: not renewed within {Deadline}, or taken by another")]
    private partial void LogLost(string identity, string lease, TimeSpan deadline);

    [LoggerMessage(3, LogLevel.Debug, "{Identity} was outrun for the lease {Lease}")]
    private partial void LogOutrun(string identity, string lease);

    [LoggerMessage(4, LogLevel.Warning, "{Identity} could not get or renew the lease {Lease}: {Error}")]
    private partial void LogFailed(string identity, string lease, string error);

    [LoggerMessage(5, LogLevel.Information, "{Identity} stopped leading (lease {Lease})")]
    private partial void LogStopped(string identity, string lease);
}
