using System.ComponentModel;
using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("Chat.Cells.Cell.Tests.Contracts.Running.NeedsFramework", "Chat.Cells.Cell.Tests")]

namespace Chat.Cells.Cell.Tests.Contracts.Running;

/// <summary>
/// xunit, and tests whose <see cref="NeedsAttribute"/> isn't met are skipped with the reason. A contract's facts are inherited by the class that runs them on an
/// engine, so that they can't be skipped by an attribute of their own.
/// </summary>
public sealed class NeedsFramework(IMessageSink messages) : XunitTestFramework(messages)
{
    protected override ITestFrameworkDiscoverer CreateDiscoverer(IAssemblyInfo assemblyInfo) => new NeedsDiscoverer(assemblyInfo, SourceInformationProvider, DiagnosticMessageSink);

    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName) => new NeedsExecutor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class NeedsExecutor(AssemblyName assemblyName, ISourceInformationProvider sources, IMessageSink messages) : XunitTestFrameworkExecutor(assemblyName, sources, messages)
    {
        protected override ITestFrameworkDiscoverer CreateDiscoverer() => new NeedsDiscoverer(AssemblyInfo, SourceInformationProvider, DiagnosticMessageSink);
    }

    private sealed class NeedsDiscoverer(IAssemblyInfo assemblyInfo, ISourceInformationProvider sources, IMessageSink messages)
        : XunitTestFrameworkDiscoverer(assemblyInfo, sources, messages)
    {
        protected override bool FindTestsForMethod(ITestMethod testMethod, bool includeSourceInformation, IMessageBus messageBus, ITestFrameworkDiscoveryOptions discoveryOptions)
        {
            var ofClass = testMethod.TestClass.Class.GetCustomAttributes(typeof(NeedsAttribute));
            var ofMethod = testMethod.Method.GetCustomAttributes(typeof(NeedsAttribute));
            var reason = ofClass.Concat(ofMethod).Select(a => Lack.Of(a.GetNamedArgument<Needed>(nameof(NeedsAttribute.Needed)))).FirstOrDefault(r => r is not null);
            if (reason is null || !testMethod.Method.GetCustomAttributes(typeof(FactAttribute)).Any())
            {
                return base.FindTestsForMethod(testMethod, includeSourceInformation, messageBus, discoveryOptions);
            }
            if (testMethod.TestClass.Class.GetCustomAttributes(typeof(ContractSuiteAttribute)).FirstOrDefault() is { } suite)
            {
                ContractRuns.Skipped(suite.GetNamedArgument<string>(nameof(ContractSuiteAttribute.Port)), suite.GetNamedArgument<string>(nameof(ContractSuiteAttribute.Engine)), reason);
            }
            return ReportDiscoveredTestCase(
                new NotRunnable(reason, DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod),
                includeSourceInformation,
                messageBus);
        }
    }
}

/// <summary>A test that can't run here; of a theory, all its cases.</summary>
public sealed class NotRunnable : XunitTestCase
{
    private string reason = "";

    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For deserialization only")]
    public NotRunnable()
    {
    }

    public NotRunnable(string reason, IMessageSink messages, TestMethodDisplay display, TestMethodDisplayOptions displayOptions, ITestMethod testMethod)
        : base(messages, display, displayOptions, testMethod) => this.reason = reason;

    protected override string GetSkipReason(IAttributeInfo factAttribute) => reason;

    public override void Serialize(IXunitSerializationInfo data)
    {
        base.Serialize(data);
        data.AddValue(nameof(reason), reason);
    }

    public override void Deserialize(IXunitSerializationInfo data)
    {
        reason = data.GetValue<string>(nameof(reason));
        base.Deserialize(data);
    }
}
