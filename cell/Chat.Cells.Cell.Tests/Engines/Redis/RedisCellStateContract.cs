using System.Security.Cryptography.X509Certificates;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on real servers, whose clock can't be moved: time is waited for.</summary>
public abstract class RedisCellStateContract : CellStateContract
{
    internal static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private RedisCellState? state;

    protected abstract string Endpoints { get; }

    protected virtual string? Password => null;

    /// <summary>Before every key and channel.</summary>
    protected virtual string Prefix => "test:";

    /// <summary>Null: no TLS.</summary>
    protected virtual X509Certificate2Collection? Authorities => null;

    protected override async ValueTask<ICellState> OpenAsync() => state = await ConnectAsync(Endpoints, Password, authorities: Authorities, prefix: Prefix);

    protected override async ValueTask CloseAsync()
    {
        if (state is not null) await state.DisposeAsync();
    }

    protected override Task PassAsync(TimeSpan time) => Task.Delay(time + TimeSpan.FromMilliseconds(50));

    internal static Task<RedisCellState> ConnectAsync(string endpoints, string? password = null, TimeSpan? timeout = null, X509Certificate2Collection? authorities = null, string prefix = "test:") => RedisCellState.ConnectAsync(
        new RedisOptions
        {
            Endpoints = endpoints,
            Password = password,
            Prefix = prefix,
            SigningKey = Key,
            Timeout = timeout ?? TimeSpan.FromSeconds(20),
            ReadAuthorities = authorities is null ? null : () => authorities,
        },
        NullLogger<RedisCellState>.Instance);
}
