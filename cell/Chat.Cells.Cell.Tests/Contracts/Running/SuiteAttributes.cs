namespace Chat.Cells.Cell.Tests.Contracts.Running;

/// <summary>
/// The tests of this class, inherited ones too, need something that not every machine has; where it is missing they count as skipped, with the reason. May be
/// put on a class or on a single method.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class NeedsAttribute(Needed needed) : Attribute
{
    public Needed Needed { get; } = needed;
}

/// <summary>This class runs a port's contract on an engine: said at the end of a test run.</summary>
/// <param name="port">The port's interface, for example <c>IMessageLog</c>.</param>
/// <param name="engine">For example <c>kafka-mock</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ContractSuiteAttribute(string port, string engine) : Attribute
{
    public string Port { get; } = port;

    public string Engine { get; } = engine;
}
