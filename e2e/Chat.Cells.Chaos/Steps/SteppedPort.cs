using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Chaos.Steps;

/// <summary>
/// One server's view of its cell's store or state: every write is a step before and after, every read a step before. Made from the port's interface, so that what a
/// port learns later is a step by itself. Batches are written a row at a time (<see cref="RowSplitter"/>). Doesn't own what it stands before.
/// </summary>
/// <remarks>A type with a public constructor that isn't sealed, because <see cref="DispatchProxy"/> derives from it.</remarks>
internal class SteppedPort : DispatchProxy
{
    private static readonly string[] Reads = ["Find", "Read", "List", "Get", "Load", "Take", "Count"];
    private static readonly MethodInfo CallReturning = typeof(SteppedPort).GetMethod(nameof(CallAsync), BindingFlags.Instance | BindingFlags.NonPublic)!;
    private static readonly ConcurrentDictionary<MethodInfo, Func<SteppedPort, object?[], object?>> Calls = new();

    private object inner = null!;
    private ServerLife life = null!;
    private Func<string, Exception> failure = null!;

    /// <param name="inner">The engine.</param>
    /// <param name="life">The server.</param>
    /// <param name="failure">What the port throws when it fails; from a message.</param>
    public static TPort Around<TPort>(TPort inner, ServerLife life, Func<string, Exception> failure)
        where TPort : class
    {
        var port = Create<TPort, SteppedPort>();
        var stepped = (SteppedPort)(object)port;
        stepped.inner = inner;
        stepped.life = life;
        stepped.failure = failure;
        return port;
    }

    /// <summary><c>HighWaterMark</c> is <c>high-water-mark</c>.</summary>
    internal static string Kebab(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "-") + char.ToLowerInvariant(c) : c.ToString()));

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var method = targetMethod!;
        var arguments = args ?? [];
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is Action<ReadOnlyMemory<byte>> handler) arguments[i] = UntilDeath(handler);
        }
        return Calls.GetOrAdd(method, Compile)(this, arguments);
    }

    private static Func<SteppedPort, object?[], object?> Compile(MethodInfo method)
    {
        if (method.DeclaringType == typeof(IAsyncDisposable)) return static (_, _) => ValueTask.CompletedTask;
        if (method.ReturnType == typeof(ValueTask)) return (self, arguments) => self.WriteAllAsync(method, arguments);
        if (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(ValueTask<>))
        {
            var call = CallReturning.MakeGenericMethod(method.ReturnType.GetGenericArguments()[0]);
            return (self, arguments) => call.Invoke(self, [method, arguments]);
        }
        return (self, arguments) => self.Call(method, arguments);
    }

    /// <summary><c>FindRequestAsync</c> is <c>find-request</c>; what is published is named by what it is.</summary>
    private static string EffectOf(MethodInfo method, object?[] arguments)
    {
        if (method.Name == nameof(ICellState.PublishAsync)) return "publish:" + Kebab(ServerMessage.Decode((ReadOnlyMemory<byte>)arguments[1]!).GetType().Name);
        var name = method.Name.EndsWith("Async", StringComparison.Ordinal) ? method.Name[..^5] : method.Name;
        return Kebab(name);
    }

    private static bool IsRead(MethodInfo method) => Reads.Any(r => method.Name.StartsWith(r, StringComparison.Ordinal));

    private async ValueTask WriteAllAsync(MethodInfo method, object?[] arguments)
    {
        var at = Array.FindIndex(arguments, RowSplitter.IsBatch);
        if (at < 0)
        {
            await WriteAsync(EffectOf(method, arguments), method, arguments);
            return;
        }
        foreach (var (effect, row) in RowSplitter.Split(arguments[at]!))
        {
            var alone = (object?[])arguments.Clone();
            alone[at] = row;
            await WriteAsync(effect, method, alone);
        }
    }

    private async ValueTask WriteAsync(string effect, MethodInfo method, object?[] arguments)
    {
        await PassAsync(effect, Side.Before);
        await (ValueTask)Call(method, arguments)!;
        await PassAsync(effect, Side.After);
    }

    private async ValueTask<T> CallAsync<T>(MethodInfo method, object?[] arguments)
    {
        var effect = EffectOf(method, arguments);
        await PassAsync(effect, Side.Before);
        var result = await (ValueTask<T>)Call(method, arguments)!;
        if (!IsRead(method)) await PassAsync(effect, Side.After);
        return result;
    }

    private object? Call(MethodInfo method, object?[] arguments)
    {
        try
        {
            return method.Invoke(inner, arguments);
        }
        catch (TargetInvocationException e) when (e.InnerException is { } real)
        {
            ExceptionDispatchInfo.Throw(real);
            throw;
        }
    }

    private Action<ReadOnlyMemory<byte>> UntilDeath(Action<ReadOnlyMemory<byte>> handler) => message =>
    {
        if (!life.IsDead) handler(message);
    };

    private ValueTask PassAsync(string effect, Side side) => life.PassAsync(effect, side, () => failure($"Told to fail: {effect}."));
}
