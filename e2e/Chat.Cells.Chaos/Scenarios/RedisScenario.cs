using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Load.World;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>What happens to the Redis that holds a cell's state.</summary>
public enum RedisFault
{
    /// <summary>SIGKILL; an empty one comes in its place after a while.</summary>
    Kill,

    /// <summary>It forgets everything, in the middle of a burst.</summary>
    Flush,

    /// <summary>SIGSTOP for a while.</summary>
    Pause,

    /// <summary>The link to it is cut, silenced, slowed and half opened.</summary>
    Net,
}

/// <summary>The Redis that holds a cell's state fails while people talk: messages go on, and what it held is made again.</summary>
public sealed class RedisScenario(RedisFault fault) : IScenario
{
    private static readonly WorldOptions People = new(Users: 6, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 4) { Client = ShrunkTimes.Of };
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(3);

    public string Name => fault == RedisFault.Net ? "net.cell-redis" : "redis." + fault.ToString().ToLowerInvariant();

    public string What => fault switch
    {
        RedisFault.Kill => "the cell's Redis is killed, and an empty one comes in its place",
        RedisFault.Flush => "the cell's Redis forgets everything, in the middle of a burst",
        RedisFault.Pause => "the cell's Redis is paused for some seconds",
        _ => "the link from the cell to its Redis is cut, silenced, slowed and half opened, and heals",
    };

    public bool IsShort => fault == RedisFault.Kill;

    public async Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken)
    {
        await using var redis = await OwnRedis.StartAsync(Path.Combine(context.Folder, "redis"), cancellationToken);
        await using var link = FaultProxy.Start("cell-redis", redis.EndPoint);
        var settings = new CellsSettings { Redis = FormattableString.Invariant($"127.0.0.1:{link.Port}") };
        await using var cells = await CellsUnderTest.StartAsync(context.Folder, settings, cancellationToken);
        await using var arena = await Arena.OpenAsync(context, Name, cells.Router, People, cancellationToken);
        if (fault == RedisFault.Net)
        {
            await LinkScenario.BreakAllAsync(arena, link, context, context.NewRandom(Name), cancellationToken);
            return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
        }
        for (var round = 0; round < (context.IsShort ? 1 : 4); round++)
        {
            arena.Talk(12);
            arena.Note($"Redis: {fault}");
            await StrikeAsync(redis, arena, cancellationToken);
            await arena.RecoverAsync(context, $"{fault}", arena.OpenNow(), RecoveryBound, cancellationToken);
        }
        return await arena.FinishAsync(2 * ShrunkTimes.Tick, RecoveryBound, cancellationToken);
    }

    private async Task StrikeAsync(OwnRedis redis, Arena arena, CancellationToken cancellationToken)
    {
        switch (fault)
        {
            case RedisFault.Flush:
                await redis.FlushAsync(cancellationToken);
                arena.Talk(12);
                await redis.FlushAsync(cancellationToken);
                break;
            case RedisFault.Pause:
                redis.Pause();
                await arena.TalkOnAsync(Away, 4, 6, cancellationToken);
                redis.Resume();
                break;
            default:
                redis.Kill();
                await arena.TalkOnAsync(Away, 4, 6, cancellationToken);
                await redis.StartAgainAsync(cancellationToken);
                break;
        }
    }
}
