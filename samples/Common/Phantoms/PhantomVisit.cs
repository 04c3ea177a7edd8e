namespace MedPeft.Samples.Phantoms;

/// <summary>One image of one patient of a cohort.</summary>
/// <param name="Patient">Number of the patient, from 1.</param>
/// <param name="FollowUp">Number of the visit, from 0.</param>
/// <param name="Case">What is drawn.</param>
public sealed record PhantomVisit(int Patient, int FollowUp, PhantomCase Case)
{
    /// <summary>The file name NIH would give it.</summary>
    public string FileName => $"{Patient:D8}_{FollowUp:D3}.png";
}
