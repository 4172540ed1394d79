namespace Cassandra.Tests.Integration;

/// <summary>A theory on a real cluster: skipped, and counted so, unless CASSANDRA_CONTACT_POINTS names one.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClusterTheoryAttribute : TheoryAttribute
{
    public ClusterTheoryAttribute()
    {
        if (ClusterFactAttribute.ContactPoints.Count == 0) Skip = "CASSANDRA_CONTACT_POINTS is not set: no real Cassandra was tried.";
    }
}
