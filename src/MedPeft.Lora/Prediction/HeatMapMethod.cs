namespace MedPeft.Lora.Prediction;

/// <summary>How a heat map is made.</summary>
public enum HeatMapMethod
{
    /// <summary>
    /// Attention roll-out: how much of each patch has flowed, block by block, into what the head sees. One map for all labels: it tells where
    /// the model looked, not why. Abnar and Zuidema 2020, arXiv:2005.00928.
    /// </summary>
    AttentionRollout,

    /// <summary>
    /// Grad-CAM: which patches speak for one label, by the gradient of its logit. Selvaraju et al. 2017, arXiv:1610.02391.
    /// </summary>
    GradCam,
}
