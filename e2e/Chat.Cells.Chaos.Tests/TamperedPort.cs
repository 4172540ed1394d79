using System.Reflection;

namespace Chat.Cells.Chaos.Tests;

/// <summary>An engine that isn't what it says: its arguments are changed on the way, or the call is swallowed.</summary>
public class TamperedPort : DispatchProxy
{
    private object inner = null!;
    private Func<string, object?[], bool> passes = null!;

    /// <param name="inner">The engine.</param>
    /// <param name="passes">May change the arguments; false swallows the call, which must return a plain ValueTask.</param>
    internal static TPort Around<TPort>(TPort inner, Func<string, object?[], bool> passes)
        where TPort : class
    {
        var port = Create<TPort, TamperedPort>();
        var tampered = (TamperedPort)(object)port;
        tampered.inner = inner;
        tampered.passes = passes;
        return port;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        passes(targetMethod!.Name, args ?? []) ? targetMethod.Invoke(inner, args) : ValueTask.CompletedTask;
}
